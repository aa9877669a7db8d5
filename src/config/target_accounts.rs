//! Accounts that `holdfast.yaml` gives probes of a target to take turns with.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;
use serde_saphyr::Spanned;

use super::diagnostics::Faults;
use super::secrets::{SecretFile, secret};

/// The secrets of one account by the names that steps use.
pub type AccountFile = BTreeMap<String, Spanned<SecretFile>>;

/// Reads where the secrets of each account are. An account of which one is missing is left out,
/// which is noted: a probe could not sign in with it.
pub fn read_accounts(
    files: &[Spanned<AccountFile>],
    folder: &Path,
    faults: &mut Faults,
    missing: &mut Faults,
) -> Vec<BTreeMap<String, SecretString>> {
    let mut accounts = Vec::new();
    for file in files {
        let names = |file: &AccountFile| file.keys().cloned().collect::<Vec<_>>();
        if let Some(first) = files.first()
            && names(&first.value) != names(&file.value)
        {
            let names = names(&first.value).join("' and '");
            let message = format!("holds other secrets than the first account: write '{names}'");
            faults.at(file.defined, message);
        }
        let read = file.value.iter().map(|(name, from)| {
            let value = secret(from, folder, missing)?;
            Some((name.clone(), value))
        });
        let read: Vec<_> = read.collect();
        accounts.extend(read.into_iter().collect::<Option<BTreeMap<_, _>>>());
    }
    accounts
}
