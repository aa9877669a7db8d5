//! OData with change tracking, against a stand-in of Dataverse.

use serde_json::json;

use super::dataverse::Dataverse;
use super::{Rig, SECRET, pairs};

fn mapping(url: &str) -> String {
    format!(
        "format: holdfast/mapping/v1
source: crm
title: CRM
time_zone: Australia/Adelaide
odata:
  preset: dataverse
  authorization:
    oauth2:
      token_url: {url}/tenant/oauth2/v2.0/token
      client_id: synthetic-client
      scope: https://synthetic.example.com/.default
  id: contactid
  page_rows: 2
collections:
  - id: contacts
    path: /api/data/v9.2/contacts
    query: {{ $select: 'fullname,modifiedon' }}
    records:
      - kind: person
        tier: {{ constant: standard }}
        class: {{ constant: general }}
        fields: {{ name: {{ copy: fullname }} }}
"
    )
}

#[tokio::test]
async fn changes_come_by_delta_links_and_an_expired_one_means_everything() {
    let crm = Dataverse::start().await;
    let rig = Rig::new(&crm.url(), &mapping(&crm.url()), true).await;
    for id in ["a", "b", "c", "d", "e"] {
        crm.put(id, Some("Synthetic"));
    }
    let report = rig.capture().await;
    assert_eq!((report.rows, &report.unmapped[..]), (5, &[][..]), "{report:?}");
    assert_eq!(crm.asked().len(), 3, "pages of two");
    let report = rig.changes().await;
    assert_eq!((report.rows, report.changed), (0, 0), "{report:?}");

    crm.put("b", Some("Synthetic-Changed"));
    crm.put("f", Some("Synthetic-New"));
    crm.put("a", None);
    let report = rig.changes().await;
    assert_eq!((report.changed, report.removed), (2, 1), "{report:?}");
    let all = [
        ("b", "Synthetic-Changed"),
        ("c", "Synthetic"),
        ("d", "Synthetic"),
        ("e", "Synthetic"),
        ("f", "Synthetic-New"),
    ];
    assert_eq!(rig.names(), pairs(&all));
    let asked = crm.asked();
    assert!(asked.last().unwrap().contains("%24deltatoken=5&%24skiptoken=2"), "{asked:?}");

    // Changes before this one are forgotten: what is gone is found all the same.
    crm.put("c", None);
    crm.put("g", Some("Synthetic-Last"));
    crm.state.lock().unwrap().forgotten = 9;
    let report = rig.capture().await;
    assert_eq!(report.build.as_str(), "full");
    assert_eq!(rig.names().len(), 5);
    assert!(!rig.names().iter().any(|(id, _)| id == "c"));
    assert_eq!(rig.changes().await.rows, 0);
}

#[tokio::test]
async fn a_busy_service_is_waited_for_and_a_token_renewed() {
    let crm = Dataverse::start().await;
    let rig = Rig::new(&crm.url(), &mapping(&crm.url()), true).await;
    for id in ["a", "b", "c", "d", "e"] {
        crm.put(id, Some("Synthetic"));
    }
    {
        let mut state = crm.state.lock().unwrap();
        // More often than a source without a word of its own would be asked.
        state.busy = 7;
        // Each is renewed at once.
        state.expires_in = 0;
    }
    let report = rig.capture().await;
    assert_eq!(report.rows, 5);
    let issued = crm.state.lock().unwrap().issued;
    assert!(issued >= 3, "a token for each page, not {issued}");
    let asked = crm.server.requests();
    assert!(asked.iter().all(|seen| !seen.line.contains(SECRET)), "no secret in an address");

    crm.state.lock().unwrap().busy = 1_000;
    rig.fails("contacts: the source did not answer (status 429)").await;
    crm.state.lock().unwrap().busy = 0;
    std::fs::write(rig.path().join("secret"), "synthetic-wrong").unwrap();
    rig.fails("refuses the export's credentials (the issuer of tokens: status 401)").await;
}

#[tokio::test]
async fn a_table_without_change_tracking_is_refused() {
    let crm = Dataverse::start().await;
    crm.state.lock().unwrap().tracks_changes = false;
    crm.put("a", Some("Synthetic"));
    let rig = Rig::new(&crm.url(), &mapping(&crm.url()), true).await;
    rig.fails("turn change tracking on for the table").await;
}

#[tokio::test]
async fn a_change_that_leaves_fields_out_means_everything_and_a_link_means_nothing() {
    let crm = Dataverse::start().await;
    let rig = Rig::new(&crm.url(), &mapping(&crm.url()), true).await;
    crm.put("a", Some("Synthetic"));
    rig.capture().await;
    let link = |kind: &str| {
        json!({
            "@odata.context": format!("…/$metadata#contacts/{kind}"),
            "source": "contacts(a)", "relationship": "kin", "target": "contacts(b)"
        })
    };
    crm.state.lock().unwrap().beside = vec![link("$link"), link("$deletedLink")];
    let report = rig.changes().await;
    assert_eq!((report.rows, &report.rejected[..]), (0, &[][..]), "{report:?}");

    let partial = json!({"contactid": "a", "modifiedon": "2023-03-01T10:00:00Z"});
    crm.state.lock().unwrap().beside = vec![partial];
    let report = rig.capture().await;
    assert_eq!((report.build.as_str(), &report.rejected[..]), ("full", &[][..]), "{report:?}");
    assert_eq!(rig.names(), pairs(&[("a", "Synthetic")]));

    // With all that is read of it a change is taken as it comes.
    let whole = json!({
        "contactid": "a", "fullname": "Synthetic-B", "modifiedon": "2023-03-01T11:00:00Z"
    });
    crm.state.lock().unwrap().beside = vec![whole];
    let report = rig.changes().await;
    assert_eq!((report.changed, report.removed), (1, 0), "{report:?}");
}
