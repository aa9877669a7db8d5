//! Reports on the console: the page, the files, and periods that cannot be told.

use holdfast::reporting::report::Report;

use super::pages::client;
use super::serve;

async fn ask(url: String) -> reqwest::Response {
    client().get(url).header("cookie", "__Host-holdfast=executive").send().await.unwrap()
}

#[tokio::test]
async fn a_period_is_told_on_the_page_and_in_files_alike() {
    let served = serve().await;
    let day = "from=2026-03-03&to=2026-03-03";
    let page = ask(served.url(&format!("/reports?{day}"))).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let file = ask(served.url(&format!("/reports/file?format=json&{day}"))).await;
    let name = file.headers()["content-disposition"].to_str().unwrap().to_owned();
    // The day is not over: the report ends now.
    assert_eq!(
        name,
        "attachment; filename=\"holdfast-report_2026-03-03T0000_2026-03-03T0949.json\""
    );
    let report: Report = file.json().await.unwrap();
    assert!(report.synthetic);
    assert!(page.contains(&report.verdict), "{}", report.verdict);
    assert_eq!(report.targets.len(), 2);
    let document = ask(served.url(&format!("/reports/file?format=html&{day}"))).await;
    let document = document.text().await.unwrap();
    assert!(document.contains(&report.verdict) && document.contains("<style>"));
    if let Some(folder) = std::env::var_os("HOLDFAST_LOOK").map(std::path::PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("report.html"), document).unwrap();
    }
}

#[tokio::test]
async fn a_period_that_cannot_be_told_says_why() {
    let served = serve().await;
    for (days, why) in [
        ("from=soon&to=2026-03-03", "is neither a date nor a time"),
        ("from=2026-03-04&to=2026-03-03", "the period ends before it begins"),
        ("from=2027-03-04&to=2027-03-05", "the period has not begun yet"),
    ] {
        let page = ask(served.url(&format!("/reports?{days}"))).await;
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        assert!(page.contains("There is a problem") && page.contains(why), "{page}");
        let file = ask(served.url(&format!("/reports/file?format=json&{days}"))).await;
        assert_eq!(file.status(), 422);
    }
}
