//! No line in the audit file, no page.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast::clock::Clock;
use holdfast::config::installation;
use holdfast::snapshots::Portal;
use holdfast::standin::situations as at;
use holdfast::vault::audit::{self, Audit, Event, Medium};
use holdfast::web::portal::PortalWeb;

use super::C3ms;
use crate::support::copy::Desk;
use crate::support::reader::Reader;

/// A file on a disk that can be made to fail.
struct Disk<M> {
    file: M,
    fails: Arc<AtomicBool>,
}

impl<M: Medium> Medium for Disk<M> {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        self.file.read_all()
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("no space left on device"));
        }
        self.file.write_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

#[tokio::test]
async fn a_page_is_in_the_audit_file_before_it_is_shown_or_it_is_not_shown() {
    let clock = Clock::system();
    let c3ms = C3ms::captured(&clock).await;
    let desk = c3ms.desk(&clock).await;
    let crisis = Reader::sign_in(&desk.url, "p-crisis", &clock).await.unwrap();
    let page = format!("/portal/person/{}", at::KIN_CHILD);
    crisis.get(&page).await.expect(200, &["Jarrah"]);
    let data = installation::load(&c3ms.installed.config).unwrap().data;
    let trail = audit::entries(&data.join("audit/audit.log")).unwrap();
    let last = trail.last().unwrap();
    assert_eq!(last.who.as_ref().unwrap().person.as_str(), "p-crisis");
    let Event::Opened { record, basis, .. } = &last.event else { panic!("{last:?}") };
    assert_eq!((record.as_str(), basis.as_str()), (at::KIN_CHILD, "rostered"));

    // The same portal over a trail on a disk that fills up while people read.
    let fails = Arc::new(AtomicBool::new(false));
    let file = audit::prepare(&data.join("audit/filling.log"), 100_000).unwrap();
    let disk = Disk { file, fails: Arc::clone(&fails) };
    let trail = Audit::over(vec![Box::new(disk)]).unwrap();
    let web = c3ms.installed.portal(&clock);
    let Ok(web) = Arc::try_unwrap(web) else { panic!("nobody else has it yet") };
    let web = PortalWeb { portal: Arc::new(Portal::new(trail.clone())), audit: trail, ..web };
    let desk = Desk::serve(Arc::new(web)).await;
    desk.open(&c3ms.installed).await;
    let duty = Reader::sign_in(&desk.url, "p-duty-1", &clock).await.unwrap();
    duty.get(&page).await.expect(200, &["Jarrah"]);
    fails.store(true, Ordering::SeqCst);
    let nothing = ["Jarrah", "Coleman", "Example Terrace"];
    duty.get(&page).await.expect(503, &["cannot be recorded"]).without(&nothing);
    duty.find("coleman").await.expect(503, &["cannot be recorded"]).without(&nothing);
}
