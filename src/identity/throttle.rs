//! How often somebody may try to sign in: bounded per account and per address.
//!
//! A wrong try costs one of a budget that refills slowly; a success gives the account its budget
//! back. What is remembered is bounded, and when it is full the oldest is forgotten, so that
//! somebody who tries a million names fills nothing. It must not know passwords or people.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

/// Wrong tries an account has before it must wait.
const TRIES_PER_ACCOUNT: u32 = 5;
/// Wrong tries an address has: a whole office may sit behind one.
const TRIES_PER_ADDRESS: u32 = 50;
/// How long until one try comes back.
const REFILL_INTERVAL: Duration = Duration::from_secs(60);
/// Accounts, and addresses, remembered at once.
const REMEMBERED_AT_MOST: usize = 4096;

/// Wrong tries of late.
#[derive(Debug)]
pub struct Throttle {
    accounts: Spent<String>,
    addresses: Spent<IpAddr>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            accounts: Spent { budget: TRIES_PER_ACCOUNT, tries: HashMap::new() },
            addresses: Spent { budget: TRIES_PER_ADDRESS, tries: HashMap::new() },
        }
    }
}

impl Throttle {
    /// Takes one try from the account and the address before it is known whether it is right, so
    /// that many at once do not pass together.
    ///
    /// # Errors
    /// How long to wait. Names that do not exist are throttled like those that do.
    pub fn begin(
        &mut self,
        account: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let account = account.to_owned();
        self.accounts.wait(&account, now)?;
        if let Some(address) = address {
            let address = network_of(address);
            self.addresses.wait(&address, now)?;
            self.addresses.take(address, now);
        }
        self.accounts.take(account, now);
        Ok(())
    }

    /// Gives back what a right try took: all of the account's, one of the address's.
    pub fn succeeded(&mut self, account: &str, address: Option<IpAddr>) {
        self.accounts.tries.remove(account);
        if let Some(spent) = address.and_then(|one| self.addresses.tries.get_mut(&network_of(one)))
        {
            spent.0 = spent.0.saturating_sub(1);
        }
    }
}

/// An IPv6 household has 2^64 addresses, so the network counts.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four => four,
    }
}

/// Tries spent per key and since when, refilling with time.
#[derive(Debug)]
struct Spent<K> {
    budget: u32,
    tries: HashMap<K, (u32, Timestamp)>,
}

impl<K: Hash + Eq + Clone> Spent<K> {
    fn wait(&mut self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let Some((spent, since)) = self.tries.get_mut(key) else { return Ok(()) };
        let elapsed = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
        let refilled = elapsed.as_secs() / REFILL_INTERVAL.as_secs();
        if refilled > 0 {
            *spent = spent.saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX));
            *since = now;
        }
        if *spent < self.budget { Ok(()) } else { Err(REFILL_INTERVAL.saturating_sub(elapsed)) }
    }

    fn take(&mut self, key: K, now: Timestamp) {
        if self.tries.len() >= REMEMBERED_AT_MOST && !self.tries.contains_key(&key) {
            let oldest = self.tries.iter().min_by_key(|(_, (_, since))| *since);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.tries.remove(&oldest);
            }
        }
        self.tries.entry(key).or_insert((0, now)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn an_account_waits_after_five_wrong_tries_and_one_comes_back_a_minute() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(throttle.begin("p-one", None, at(0)), Ok(()));
        }
        assert_eq!(throttle.begin("p-one", None, at(20)), Err(Duration::from_secs(40)));
        assert_eq!(throttle.begin("p-two", None, at(20)), Ok(()), "another account is free");
        assert_eq!(throttle.begin("p-one", None, at(60)), Ok(()));
        assert!(throttle.begin("p-one", None, at(61)).is_err());
        throttle.succeeded("p-one", None);
        assert_eq!(throttle.begin("p-one", None, at(61)), Ok(()));
    }

    #[test]
    fn an_address_waits_after_fifty_wrong_tries_over_many_names() {
        let mut throttle = Throttle::default();
        let address = Some("2001:db8::1".parse().unwrap());
        let neighbour = Some("2001:db8::2".parse().unwrap());
        for n in 0..50 {
            assert_eq!(throttle.begin(&format!("p-{n}"), address, at(0)), Ok(()));
        }
        assert!(throttle.begin("p-new", neighbour, at(0)).is_err(), "the same network");
        assert_eq!(throttle.begin("p-new", Some("192.0.2.7".parse().unwrap()), at(0)), Ok(()));
        throttle.succeeded("p-0", address);
        assert_eq!(throttle.begin("p-right", address, at(0)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut throttle = Throttle::default();
        for n in 0..(i64::try_from(REMEMBERED_AT_MOST).unwrap() + 100) {
            throttle.begin(&format!("p-{n}"), None, at(n)).unwrap();
        }
        assert_eq!(throttle.accounts.tries.len(), REMEMBERED_AT_MOST);
    }
}
