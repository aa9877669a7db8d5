//! Addresses of sources: which kind each is of, and whether it is this machine's own.
//!
//! It must not look a name up.

use url::Url;

use crate::domain::mapping::origin::{DatabaseTls, Origin};

/// Whether an address fits what a mapping says of the source.
///
/// # Errors
/// What to write instead.
pub fn check(origin: &Origin, url: &Url) -> Result<(), String> {
    let key = origin.key();
    if !origin.schemes().contains(&url.scheme()) {
        let schemes = origin.schemes().join("://… or ");
        return Err(format!("the mapping says {key}: write {schemes}://…"));
    }
    if url.password().is_some() {
        return Err("a password stands in it: write it into the file of 'token'".to_owned());
    }
    if let Origin::Sql(sql) = origin
        && url.scheme() == "mysql"
        && sql.applied_at.is_none()
    {
        return Err(
            "MySQL and MariaDB do not say how old a replica is: write 'applied_at' with a \
                    query that does into the mapping, or for a primary \
                    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%TZ')"
                .to_owned(),
        );
    }
    let clear = match origin {
        Origin::HttpJson(_) | Origin::Odata(_) if url.scheme() == "http" => {
            Some("plain HTTP is for this machine only: write https")
        }
        Origin::Sql(sql) if url.scheme() != "sqlite" && sql.tls != DatabaseTls::Verify => {
            Some("a database elsewhere needs its certificate looked at: write 'tls: verify'")
        }
        _ => None,
    };
    match clear {
        Some(fault) if !is_of_this_machine(url) => Err(fault.to_owned()),
        _ => Ok(()),
    }
}

/// Whether an address is this machine's own.
#[must_use]
pub fn is_of_this_machine(url: &Url) -> bool {
    if matches!(url.scheme(), "file" | "sqlite") {
        return url.host_str().is_none_or(str::is_empty);
    }
    // Outside HTTP a number in an address is read as a name.
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    number.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::length::Length;
    use crate::domain::mapping::origin::{Files, Sql};

    #[test]
    fn what_is_of_this_machine() {
        for (url, own) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:80", true),
            ("postgres://127.0.0.1/cases", true),
            ("mysql://[::1]:3306/cases", true),
            ("sqlite:///srv/cases.sqlite", true),
            ("file:///srv/drop", true),
            ("file://elsewhere/srv/drop", false),
            ("http://127.0.0.1.example.gov", false),
            ("postgres://replica.example.gov/cases", false),
        ] {
            assert_eq!(is_of_this_machine(&url.parse().unwrap()), own, "{url}");
        }
    }

    #[test]
    fn an_address_of_another_kind_or_that_tells_a_secret_is_refused() {
        let files = Origin::Files(Files { delimiter: b',', page_rows: 1 });
        let replica = |tls, applied_at: Option<&str>| {
            Origin::Sql(Sql {
                page_rows: 1,
                statement_timeout: Length::from_secs(1),
                overlap: Length::from_secs(1),
                sweep_interval: None,
                tls,
                authority: None,
                time_zone: jiff::tz::TimeZone::UTC,
                applied_at: applied_at.map(str::to_owned),
            })
        };
        let sql = |tls| replica(tls, None);
        let said = |origin: &Origin, url: &str| check(origin, &url.parse().unwrap());
        assert_eq!(said(&files, "file:///srv/drop"), Ok(()));
        assert!(said(&files, "https://c3ms.example.gov").unwrap_err().contains("write file://…"));
        let verify = sql(DatabaseTls::Verify);
        assert_eq!(said(&verify, "postgres://export@replica.example.gov/cases"), Ok(()));
        let told = said(&verify, "postgres://export:pass@replica.example.gov/cases").unwrap_err();
        assert!(told.contains("a password stands in it") && !told.contains("pass@"), "{told}");
        let mysql = "mysql://export@replica.example.gov/cases";
        let told = said(&verify, mysql).unwrap_err();
        assert!(told.contains("write 'applied_at'"), "{told}");
        let aged = replica(DatabaseTls::Verify, Some("SELECT UTC_TIMESTAMP()"));
        assert_eq!(said(&aged, mysql), Ok(()));
        let off = sql(DatabaseTls::Off);
        assert_eq!(said(&off, "postgres://export@localhost/cases"), Ok(()));
        assert!(
            said(&off, "postgres://replica.example.gov/c").unwrap_err().contains("tls: verify")
        );
    }
}
