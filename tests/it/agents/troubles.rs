//! What keeps an agent from its work, and that its hub hears of it.

use std::sync::Arc;

use holdfast::domain::agent::Trouble;

use super::own_hub::{OwnHub, plan};
use super::rig::noarlunga;
use crate::support::{eventually, free_address};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_used_is_told_to_the_hub_until_there_is_another() {
    let hub = OwnHub::new().await;
    let mut agent = hub.agent().await;
    hub.serve().await;
    agent.run();
    agent.says("the hub's plan is in force").await;
    hub.plans.send_replace(Arc::new(plan("second", "\nwishes: none\n")));
    let troubles = || async { hub.desk.heard(&noarlunga()).troubles };
    let told = eventually("the hub being told", || async { troubles().await.pop() }).await;
    let Trouble::Plan { why, has_another: true } = told else { panic!("{told:?}") };
    assert!(why.contains("unknown key 'wishes'"), "{why}");
    agent.says("the one before stays in force").await;
    hub.plans.send_replace(Arc::new(plan("third", "\n# again\n")));
    eventually("a good plan", || async { troubles().await.is_empty().then_some(()) }).await;
    assert_eq!(agent.log().matches("the hub's plan is in force").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_deliveries_are_not_taken_does_not_report_though_it_asks() {
    let mut hub = OwnHub::new().await;
    hub.delivered = None;
    let mut agent = hub.agent().await;
    let free = free_address();
    agent.edit("targets:", &format!("listen: \"{free}\"\ntargets:"));
    hub.serve().await;
    agent.run();
    let spoken = || async { hub.desk.heard(&noarlunga()).spoken };
    let first = eventually("the agent asking", &spoken).await;
    agent.says("the hub answered 503: the hub cannot take it").await;
    eventually("the agent asking again", || async { spoken().await.filter(|at| *at > first) })
        .await;
    assert_eq!(hub.desk.heard(&noarlunga()).delivered, None);
    let answer = reqwest::get(format!("http://{free}/healthz")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    let words = answer.text().await.unwrap();
    assert!(words.starts_with("not reporting since the start"), "{words}");
    assert_eq!(agent.log().matches("the hub is reached again").count(), 0, "it was not");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_finds_nothing_reports_all_the_same() {
    let hub = OwnHub::new().await;
    // A plan that nothing can be probed by.
    hub.plans.send_replace(Arc::new(plan("first", "\nwishes: none\n")));
    let mut agent = hub.agent().await;
    hub.serve().await;
    agent.run();
    let delivered = || async { hub.desk.heard(&noarlunga()).delivered };
    let first = eventually("a delivery", &delivered).await;
    eventually("another", || async { delivered().await.filter(|at| *at > first) }).await;
    agent.says("nothing is probed").await;
    let troubles = hub.desk.heard(&noarlunga()).troubles;
    assert!(matches!(troubles[..], [Trouble::Plan { has_another: false, .. }]), "{troubles:?}");
    agent.stop();
    assert_eq!(agent.spooled().await, [], "there was nothing to deliver");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_file_is_read_again_while_the_plan_cannot_be_had() {
    let hub = OwnHub::new().await;
    let mut agent = hub.agent().await;
    agent.run();
    agent.says("the hub is not reached").await;
    agent.edit("username:", "usrname: { file: [] }\n      username:");
    agent.signal("-HUP");
    agent.says("what was read before holds").await;
    agent.edit("usrname: { file: [] }\n      username:", "username:");
    agent.edit("hub:", "source_address: 127.0.1.99\nhub:");
    agent.signal("-HUP");
    agent.says("the file is read again").await;
    hub.serve().await;
    agent.says("the hub's plan is in force").await;
    assert!(!agent.log().contains("panicked"), "{}", agent.log());
}
