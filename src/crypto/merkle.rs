//! Merkle trees as in RFC 6962, section 2.1: the root over an append-only list of entries, and the
//! proof that one entry is under a root.
//!
//! A leaf and a node are hashed with different prefixes, so that neither passes for the other.

use super::digest::{Digest, Hasher};

/// The hash of an entry: `SHA-256(0x00 ‖ entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    digest(&[&[0x00], entry])
}

/// The hash of two subtrees: `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    digest(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The tree's right edge: enough to append and to say the root, in memory of logarithmic size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees, largest first; one for each bit set in `size`.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// How many entries were appended.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry by its [`leaf_hash`].
    pub fn append(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            // A set bit has a peak, so that there is always one to join.
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over everything appended; of an empty tree, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Digest {
        let joined =
            self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(|| digest(&[]))
    }
}

/// The root over a list of leaf hashes.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    frontier.root()
}

/// The audit path of leaf `index`, nearest sibling first; none when there is no such leaf.
#[must_use]
pub fn inclusion_path(leaves: &[Digest], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion_path(left, index)?, root(right))
    } else {
        (inclusion_path(right, index - left.len())?, root(left))
    };
    path.push(sibling);
    Some(path)
}

/// The root that an audit path of leaf `index` leads to in a tree of `size` leaves; none when the
/// path has the wrong length.
#[must_use]
pub fn root_of_path(leaf: Digest, index: usize, size: usize, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let Some((sibling, below)) = path.split_last() else {
        return (size == 1).then_some(leaf);
    };
    if size == 1 {
        return None;
    }
    let left_size = split(size);
    if index < left_size {
        Some(node_hash(&root_of_path(leaf, index, left_size, below)?, sibling))
    } else {
        Some(node_hash(sibling, &root_of_path(leaf, index - left_size, size - left_size, below)?))
    }
}

/// The largest power of two smaller than `size`, which is at least two.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries and roots that the reference implementations of RFC 6962 are tested with.
    const ENTRIES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_of_the_reference_tree() {
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root().to_hex(), ROOTS[0]);
        for (entry, expected) in ENTRIES.iter().zip(&ROOTS[1..]) {
            frontier.append(leaf_hash(entry));
            assert_eq!(frontier.root().to_hex(), *expected);
        }
        assert_eq!(frontier.size(), 8);
    }

    #[test]
    fn every_leaf_of_every_size_proves_its_place_and_no_other() {
        let leaves: Vec<Digest> = (0..20u8).map(|n| leaf_hash(&[n])).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            for index in 0..size {
                let path = inclusion_path(leaves, index).unwrap();
                let proven = root_of_path(leaves[index], index, size, &path);
                assert_eq!(proven, Some(root(leaves)), "leaf {index} of {size}");
                let other = root_of_path(leaf_hash(b"other"), index, size, &path);
                assert_ne!(other, Some(root(leaves)));
                let longer = [path.as_slice(), &[Digest::of(b"more")]].concat();
                assert_eq!(root_of_path(leaves[index], index, size, &longer), None);
            }
            assert_eq!(inclusion_path(leaves, size), None);
        }
    }
}
