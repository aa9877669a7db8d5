//! What `docs/formats.md` says about the files is true: its programs are run as they stand there.

use std::path::Path;
use std::process::Command;

use holdfast::clock::Clock;
use holdfast::config::installation;
use holdfast::standin::situations as at;

use super::C3ms;
use crate::support::reader::Reader;
use crate::support::root;

/// The program whose first line begins with this name, as the guide prints it.
fn program(name: &str) -> String {
    let guide = std::fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let blocks = guide.split("```python\n").skip(1);
    let mut blocks = blocks.map(|block| block.split_once("```").unwrap().0.to_owned());
    blocks.find(|block| block.starts_with(&format!("# {name}"))).unwrap()
}

fn run(name: &str, argument: &Path) -> String {
    let ended =
        Command::new("/usr/bin/python3").args(["-c", &program(name)]).arg(argument).output();
    let ended = ended.unwrap();
    assert!(ended.status.success(), "{name}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[tokio::test]
async fn a_stranger_opens_a_segment_and_reads_the_trail_with_standard_tools() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let records = run("open_segment.py", c3ms.installed.site.root());
    let lines: Vec<serde_json::Value> =
        records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hers = |line: &&serde_json::Value| line["person"]["header"]["id"] == at::MACRON_MOTHER;
    let her = lines.iter().find(hers).expect("the person is in the first segment");
    assert_eq!(her["person"]["name"], "Hine Ngāti-Moana");

    let desk = c3ms.desk(&clock).await;
    let crisis = Reader::sign_in(&desk.url, "p-crisis", &clock).await.unwrap();
    crisis.get(&format!("/portal/person/{}", at::KIN_CHILD)).await.expect(200, &[]);
    let data = installation::load(&c3ms.installed.config).unwrap().data;
    let trail = run("read_audit.py", &data.join("audit/audit.log"));
    let last = trail.lines().last().unwrap();
    assert!(last.contains("\"opened\"") && last.contains(at::KIN_CHILD), "{trail}");
}
