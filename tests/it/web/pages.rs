//! What pages say, and to whom.

use super::plans::ACTIVATION;
use super::{serve, slug};
use holdfast::continuity::command::Command;
use holdfast::continuity::decide::Input;
use holdfast::domain::ids::CohortId;
use holdfast::domain::ids::{PersonId, PlaybookStepId};
use holdfast::domain::incident::ActivationId;
use holdfast::domain::session::Role;
use holdfast::store::staff_reports;
use holdfast::web::gate::Decision;
use holdfast::web::routes::{ROUTES, Verb};

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn text(url: &str) -> String {
    client().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_staff_page_says_it_for_the_readers_office() {
    let served = serve().await;
    let page = text(&served.url("/?office=noarlunga")).await;
    for expected in [
        "<title>C3MS is not working for Noarlunga: Holdfast</title>",
        "Since 09:31 Tue 3 March, Adelaide (18 min ago).",
        "12 colleagues say the same.",
        "Do not keep trying to sign in.",
        "Comes and goes",
    ] {
        assert!(page.contains(expected), "{expected} is missing in {page}");
    }
    let page = text(&served.url("/?office=ceduna")).await;
    assert!(page.contains("C3MS is working for Ceduna"), "{page}");
    assert!(page.contains("while our checks pass"), "a disagreement is said: {page}");
}

#[tokio::test]
async fn a_report_is_kept_before_it_is_thanked_for_and_counts_once() {
    let served = serve().await;
    let form = [
        ("id", "0123456789abcdef0123456789abcdef"),
        ("office", "ceduna"),
        ("task", "c3ms/intake"),
        ("since", "15"),
    ];
    for _ in 0..2 {
        let answer = client().post(served.url("/report")).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let next = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(text(&served.url(&next)).await.contains("Thank you. It is kept"));
    }
    let now = served.web.clock.now();
    let kept = staff_reports::between(&served.store, now, now + std::time::Duration::from_secs(1));
    let kept = kept.await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].cohort, CohortId::new("ceduna").unwrap());
    assert_eq!(kept[0].task, "intake");
    let deeds = served.deeds.lock().unwrap();
    assert_eq!(*deeds, [Command::StaffReport(kept[0].clone())], "continuity hears of it once");
    let counted = served.web.metrics.render().unwrap();
    assert!(counted.contains(r#"holdfast_staff_reports_total{target="c3ms"} 1"#), "{counted}");
}

#[tokio::test]
async fn a_report_is_kept_and_thanked_for_when_continuity_does_not_take_it() {
    let mut served = serve().await;
    served.continuity_runs.abort();
    (&mut served.continuity_runs).await.unwrap_err();
    let form = [
        ("id", "abcdef0123456789abcdef0123456789"),
        ("office", "ceduna"),
        ("task", "c3ms/other"),
        ("since", "0"),
    ];
    let answer = client().post(served.url("/report")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let now = served.web.clock.now();
    let kept = staff_reports::between(&served.store, now, now + std::time::Duration::from_secs(1));
    assert_eq!(kept.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_report_says_what_to_choose_and_keeps_nothing() {
    let served = serve().await;
    let form = [("id", ""), ("office", "nowhere"), ("task", "c3ms/nothing"), ("since", "x")];
    let answer = client().post(served.url("/report")).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("There is a problem"), "{page}");
    assert!(page.contains("Choose your office or team from the list"), "{page}");
}

#[tokio::test]
async fn without_its_database_the_staff_page_shows_the_last_known_state_and_says_so() {
    let served = serve().await;
    text(&served.url("/?office=noarlunga")).await;
    served.store.close().await;
    served.web.clock.set(served.web.clock.now() + std::time::Duration::from_secs(60));
    let page = text(&served.url("/?office=noarlunga")).await;
    assert!(page.contains("C3MS is not working for Noarlunga"), "{page}");
    assert!(page.contains("Holdfast cannot read its own records just now"), "{page}");
}

#[tokio::test]
async fn every_answer_is_bounded_and_keeps_to_itself() {
    let served = serve().await;
    for path in ["/", "/nothing-here", "/assets/holdfast.css"] {
        let answer = client().get(served.url(path)).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let keep = answer.headers()["cache-control"].to_str().unwrap();
        assert_eq!(keep == "no-store", !path.starts_with("/assets/"), "{path}: {keep}");
    }
    let long = "x".repeat(100 * 1024);
    let answer = client().post(served.url("/report")).body(long).send().await.unwrap();
    assert!(answer.status().is_client_error());
}

/// The access matrix: every route of the table, asked by nobody and by each role.
#[tokio::test]
async fn every_route_holds_to_its_decision() {
    let served = serve().await;
    for route in ROUTES.iter().filter(|route| route.path != "/live") {
        let path = route
            .path
            .replace("{id}", "none")
            .replace("{token}", "none")
            .replace("{target}", "c3ms")
            .replace("{probe}", "intake");
        let ask = |cookie: Option<String>| {
            let request = match route.verb {
                Verb::Get => client().get(served.url(&path)),
                Verb::Post => client().post(served.url(&path)),
            };
            let request = match cookie {
                Some(cookie) => request.header("cookie", format!("__Host-holdfast={cookie}")),
                None => request,
            };
            async move { request.send().await.unwrap() }
        };
        let nobody = ask(None).await;
        let location = nobody.headers().get("location").and_then(|value| value.to_str().ok());
        let sent_to_sign_in = location.is_some_and(|there| there.starts_with("/sign-in"));
        let open = matches!(
            route.decision,
            Decision::Public | Decision::SignedLink | Decision::MetricsNetworks
        );
        assert_eq!(sent_to_sign_in, !open, "nobody at {:?} {}", route.verb, route.path);
        for role in Role::ALL {
            let refused = ask(Some(slug(role))).await.status() == 403;
            let allowed = match route.decision {
                Decision::Roles(roles) => roles.contains(&role),
                _ => true,
            };
            assert_eq!(refused, !allowed, "{role:?} at {:?} {}", route.verb, route.path);
        }
    }
}

#[tokio::test]
async fn a_decision_reaches_continuity_with_who_took_it() {
    let served = serve().await;
    let page = format!("/ops/activations/{ACTIVATION}");
    let send = async |form: &[(&str, &str)]| {
        let answer = client()
            .post(served.url(&format!("{page}/answer")))
            .header("cookie", "__Host-holdfast=on-call-manager")
            .form(form)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.headers().get("location").cloned())
    };
    let (status, next) = send(&[("step", "open-offices"), ("answer", "yes"), ("reason", "")]).await;
    assert_eq!(status, 303);
    assert_eq!(next.unwrap(), format!("{page}#step-open-offices"));
    let by = PersonId::new("p-on-call-manager").unwrap();
    let step = Some(PlaybookStepId::new("open-offices").unwrap());
    let input = Input::Answer { step, by, approve: true, reason: String::new() };
    let activation = ActivationId(ACTIVATION.into());
    assert_eq!(*served.deeds.lock().unwrap(), [Command::Input(activation, input)]);
    let (status, _) = send(&[("step", "open-offices"), ("answer", "perhaps")]).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_plan_says_what_is_done_due_and_in_doubt() {
    let served = serve().await;
    let page = client()
        .get(served.url(&format!("/ops/activations/{ACTIVATION}")))
        .header("cookie", "__Host-holdfast=operations")
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    for expected in [
        "Case system down: in force since 09:34",
        "Acknowledged by Synthetic-",
        "Go ahead with: Open the copy for every office that is hit?",
        "Without an answer by 09:54 it goes ahead by rule",
        "Notices in doubt",
        "Due in 45 min",
    ] {
        assert!(page.contains(expected), "{expected} is missing in {page}");
    }
}
