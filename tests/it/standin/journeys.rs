//! What staff do, through real pages: sign in, search, read, lodge, withdraw, sign out.

use holdfast::standin::situations;

use super::{attribute, client_at, get, page, sign_in, signed_in, standin, text};

#[tokio::test]
async fn signing_in_takes_the_form_the_password_and_the_token() {
    let standin = standin(60).await;
    let (base, client) = (standin.url(), client_at(1));

    let home = get(&client, format!("{base}/")).await;
    assert_eq!(
        (home.status().as_u16(), &home.headers()["location"]),
        (303, &"/sign-in".parse().unwrap())
    );

    let wrong = sign_in(&client, &base, "guess").await;
    assert_eq!(wrong.status(), 401);
    let told = text(&wrong.text().await.unwrap(), "#error");
    assert_eq!(told.as_deref(), Some("User name or password is wrong."));

    let forged = [("csrf", "0"), ("username", "probe-1"), ("password", "synthetic-probe")];
    let forged = client.post(format!("{base}/sign-in")).form(&forged).send().await.unwrap();
    assert_eq!(forged.status(), 403);

    assert_eq!(sign_in(&client, &base, "synthetic-probe").await.status(), 303);
    let home = page(&client, format!("{base}/")).await;
    assert_eq!(text(&home, "#signed-in-as").as_deref(), Some("probe-1"));
    assert!(text(&home, "#synthetic").unwrap().contains("All data is synthetic"));

    let csrf = attribute(&home, "input[name=csrf]", "value").unwrap();
    let out = client.post(format!("{base}/sign-out")).form(&[("csrf", csrf)]).send().await;
    assert_eq!(out.unwrap().status(), 303);
    assert_eq!(get(&client, format!("{base}/")).await.status(), 303);
}

#[tokio::test]
async fn a_family_is_found_without_macrons_and_read_to_the_notes() {
    let standin = standin(300).await;
    let base = standin.url();
    let client = signed_in(&base, 1).await;

    let found = page(&client, format!("{base}/persons?q=ngati%20hine")).await;
    let link = attribute(&found, "#results tr.person a", "href").unwrap();
    assert_eq!(link, format!("/persons/{}", situations::MACRON_MOTHER));
    let person = page(&client, format!("{base}{link}")).await;
    assert_eq!(text(&person, "h1").as_deref(), Some("Hine Ngāti-Moana"));
    let case_link = attribute(&person, "#cases a", "href").unwrap();
    let case = page(&client, format!("{base}{case_link}")).await;
    assert_eq!(text(&case, "#status").as_deref(), Some("family support"));
    let notes = page(&client, format!("{base}{case_link}/notes")).await;
    assert!(text(&notes, "#notes article.note p").unwrap().contains("Tāne read me his book"));

    assert_eq!(get(&client, format!("{base}/persons/P-1")).await.status(), 404);
}

#[tokio::test]
async fn danger_and_deadlines_are_on_the_pages() {
    let standin = standin(300).await;
    let base = standin.url();
    let client = signed_in(&base, 1).await;

    let url = format!("{base}/persons/{}", situations::PROTECTED_FROM);
    let him = page(&client, url).await;
    let alerts = text(&him, "#alerts").unwrap();
    for word in ["violence", "weapons", "dog", "visit with police", "must not learn"] {
        assert!(alerts.contains(word), "{word} is not in {alerts}");
    }
    let her = page(&client, format!("{base}/persons/{}", situations::PROTECTED_MOTHER)).await;
    assert!(her.contains("Protected address") && !her.contains("100 Example Street"));

    let court = page(&client, format!("{base}/court")).await;
    assert!(text(&court, "#expiring").unwrap().contains(situations::EXPIRING_ORDER));
    assert!(text(&court, "#hearings").unwrap().contains(situations::EXPIRING_CASE));
}

#[tokio::test]
async fn an_intake_gets_a_reference_number_and_can_be_withdrawn() {
    let standin = standin(60).await;
    let base = standin.url();
    let client = signed_in(&base, 1).await;
    let before = standin.read(|register| register.concern_reports.len());

    let form = page(&client, format!("{base}/intake")).await;
    let csrf = attribute(&form, "#intake input[name=csrf]", "value").unwrap();
    let empty = [("csrf", csrf.as_str()), ("concern", "Neglect"), ("narrative", " ")];
    let empty = client.post(format!("{base}/intake")).form(&empty).send().await.unwrap();
    assert_eq!(empty.status(), 422);

    let child = situations::KIN_CHILD;
    let fields = [
        ("csrf", csrf.as_str()),
        ("concern", "Neglect"),
        ("narrative", "Synthetic notification by a probe"),
        ("person_id", child),
        ("reporter_name", "Reporter Probe-Synthetic"),
    ];
    let lodged = client.post(format!("{base}/intake")).form(&fields).send().await.unwrap();
    assert_eq!(lodged.status(), 303);
    let location = lodged.headers()["location"].to_str().unwrap().to_owned();
    let receipt = page(&client, format!("{base}{location}")).await;
    let reference = text(&receipt, "#reference").unwrap();
    assert_eq!(location, format!("/intake/{reference}"));
    let case_id = standin.read(|register| {
        let report = register.concern_reports.get(&reference).unwrap();
        assert_eq!(report.child_ids, [child]);
        report.case_id.clone()
    });
    assert_eq!(case_id.as_deref(), Some(situations::KIN_CASE));

    let csrf = attribute(&receipt, "#withdraw input[name=csrf]", "value").unwrap();
    let url = format!("{base}{location}/withdraw");
    let withdrawn = client.post(&url).form(&[("csrf", &csrf)]).send().await.unwrap();
    assert_eq!(withdrawn.status(), 303);
    assert_eq!(standin.read(|register| register.concern_reports.len()), before);
    let again = client.post(&url).form(&[("csrf", &csrf)]).send().await.unwrap();
    assert_eq!(again.status(), 404);
}

#[tokio::test]
async fn the_api_answers_a_session_and_nobody_else() {
    let standin = standin(300).await;
    let base = standin.url();
    assert_eq!(get(&client_at(1), format!("{base}/api/caseload")).await.status(), 401);

    let client = signed_in(&base, 1).await;
    let json = async |path: String| -> serde_json::Value {
        get(&client, format!("{base}{path}")).await.json().await.unwrap()
    };
    let found = json("/api/persons?q=jayden%20thompson".into()).await;
    assert_eq!(found["count"], 2);
    let case = situations::EXPIRING_CASE;
    assert_eq!(json(format!("/api/cases/{case}")).await["case"]["id"], case);
    let orders = json(format!("/api/cases/{case}/orders")).await;
    assert_eq!(orders["results"][0]["id"], situations::EXPIRING_ORDER);
    let caseload = json("/api/caseload".into()).await;
    let unallocated =
        standin.read(|register| register.cases.iter().filter(|c| c.unallocated).count());
    assert_eq!(caseload["unallocated_cases"], unallocated);
    for path in ["/api/hearings", "/api/orders"] {
        assert!(json(path.into()).await["count"].as_u64() > Some(0), "{path}");
    }
}
