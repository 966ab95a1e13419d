//! Shards: processes, on any machines, that share one run folder and take blocks of their own.

use std::fmt;
use std::str::FromStr;

use crate::journal::Manifest;
use crate::plan::{Block, Plan};

/// One of several processes that share a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// What of a plan is this shard's: every `of`th block. All blocks of a seed are one shard's, and
    /// the cut depends on nothing but the manifest.
    pub fn share(self, mut plan: Plan, manifest: &Manifest) -> Plan {
        let seeds = (0..manifest.seeds).filter(|seed| self.takes(*seed, manifest));
        // Every seed has as many trials as any other.
        plan.trials = plan.trials / manifest.seeds.max(1) as usize * seeds.count();
        let first = |block: &Block| block.members.first().map_or(0, |member| member.seed);
        plan.blocks
            .retain(|block| self.takes(first(block), manifest));
        let cohorts = plan.blocks.iter().flat_map(|block| &block.cohorts);
        let open: usize = cohorts.map(|cohort| cohort.members.len()).sum();
        plan.done = plan.trials - open;
        plan
    }

    /// Whether a seed's trials are this shard's.
    pub fn takes(self, seed: u32, manifest: &Manifest) -> bool {
        let block = seed / manifest.geometry.seeds_per_block.max(1);
        block % self.of == self.index - 1
    }

    /// As part of a file's name.
    pub fn suffix(self) -> String {
        format!("-{}-of-{}", self.index, self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)))
            .map(|(index, of)| Self { index, of })
            .filter(|shard| (1..=shard.of).contains(&shard.index))
            .ok_or_else(|| "expected I/N, as in 2/3, with I from 1 to N".to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_wrong_ones_refused() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, of: 3 }));
        for wrong in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
