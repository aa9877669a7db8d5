//! Short codes that stand for the keys of records in memory.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use crate::domain::records::RecordKind;

/// Stands for a kind and an id. 128 bits under keys that nobody knows, different at each opening:
/// among ten million keys two are the same with a probability below 10⁻²⁴.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code([u64; 2]);

/// Makes the codes of one opened copy.
#[derive(Clone, Default)]
pub struct Codes([RandomState; 2]);

impl Codes {
    #[must_use]
    pub fn of(&self, kind: RecordKind, id: &str) -> Code {
        let [first, second] = &self.0;
        Code([first.hash_one((kind, id)), second.hash_one((kind, id))])
    }
}

impl Hash for Code {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
    }
}

/// A code is a hash already.
#[derive(Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, code: u64) {
        self.0 = code;
    }
}

/// A map by code.
pub type ByCode = std::collections::HashMap<Code, u32, BuildHasherDefault<AsItIs>>;
