//! How wide a run's stacks are: fixed with its first trial, and chosen here where --width isn't given.

use std::path::Path;

use picklock_message::{Error, Result};
use picklock_record::Geometry;

use crate::request::Request;

/// Members that run side by side on a CPU, where more gain little.
const CPU: u32 = 8;

/// Members that run side by side on a GPU.
const GPU: u32 = 64;

/// How a new run is cut into blocks and stacks, on a CPU where there are no `gpus`; memory holds
/// `room` members.
pub fn cut(request: &Request, gpus: u32, room: u32) -> Geometry {
    let (seeds, draws) = (request.seeds, request.draws);
    let Some(width) = request.width else {
        return geometry(gpus, seeds, draws, room);
    };
    let seeds_per_block = (width / draws.max(1)).clamp(1, seeds.max(1));
    Geometry {
        seeds_per_block,
        width: width.min(seeds_per_block * draws),
    }
}

/// The cut where nobody says how wide: whole seeds, never more than there are. A GPU takes whole
/// blocks, so seeds that would leave one without any are dealt out evenly. On a CPU the cut is the same
/// whatever the number of cores. A seed that memory holds no room for is stacked in parts.
fn geometry(gpus: u32, seeds: u32, draws: u32, room: u32) -> Geometry {
    let side_by_side = if gpus > 0 { GPU } else { CPU }.min(room.max(1));
    let even = seeds.div_ceil(gpus.max(1)).max(1);
    let seeds_per_block = (side_by_side / draws.max(1)).clamp(1, even);
    Geometry {
        seeds_per_block,
        width: (seeds_per_block * draws).min(room.max(1)),
    }
}

/// A run keeps the width that it began with.
///
/// # Errors
/// Where another one is asked for.
pub fn check_width(run: &Path, request: &Request, geometry: Geometry) -> Result<()> {
    let asked = cut(request, 0, u32::MAX).width;
    if request.width.is_none() || asked == geometry.width {
        return Ok(());
    }
    let problem = format!(
        "began {} members wide, this is {asked}; leave --width out, choose another folder with --out, \
         or --fresh to move it aside",
        geometry.width
    );
    Err(Error::file(run, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds of a block and width, for GPUs, seeds and draws.
    fn cut(gpus: u32, seeds: u32, draws: u32) -> (u32, u32) {
        let Geometry {
            seeds_per_block,
            width,
        } = geometry(gpus, seeds, draws, u32::MAX);
        (seeds_per_block, width)
    }

    #[test]
    fn blocks_are_whole_seeds() {
        assert_eq!(cut(0, 4, 4), (2, 8));
        assert_eq!(cut(0, 1, 4), (1, 4));
        assert_eq!(cut(0, 4, 32), (1, 32));
        assert_eq!(cut(1, 16, 4), (16, 64));
        assert_eq!(cut(1, 16, 5), (12, 60));
    }

    #[test]
    fn large_models_are_stacked_as_memory_allows() {
        let cut = |draws, room| {
            let Geometry {
                seeds_per_block,
                width,
            } = geometry(1, 5, draws, room);
            (seeds_per_block, width)
        };
        assert_eq!(cut(8, 20), (2, 16));
        assert_eq!(cut(8, 12), (1, 8));
        assert_eq!(cut(8, 3), (1, 3), "a seed in three parts");
        assert_eq!(cut(8, 0), (1, 1), "one at a time, come what may");
    }

    #[test]
    fn every_gpu_has_a_block_where_there_are_as_many_seeds() {
        assert_eq!(cut(2, 16, 4), (8, 32));
        assert_eq!(cut(2, 64, 1), (32, 32));
        assert_eq!(cut(4, 17, 4), (5, 20));
        assert_eq!(cut(8, 3, 4), (1, 4), "a seed stays whole");
        assert_eq!(cut(2, 1, 512), (1, 512), "a seed stays whole");
        // Enough for all: as wide as ever.
        assert_eq!(cut(2, 32, 4), (16, 64));
        assert_eq!(cut(2, 100, 4), (16, 64));
        for (gpus, seeds, draws) in (1..=8).flat_map(|gpus| {
            let of_seeds = move |seeds| (1..=9).map(move |draws| (gpus, seeds, draws));
            (1..=80).flat_map(of_seeds)
        }) {
            let (per_block, width) = cut(gpus, seeds, draws);
            let blocks = seeds.div_ceil(per_block);
            let rounds = blocks.div_ceil(gpus);
            let widest = cut(1, seeds, draws).0;
            assert!(width <= GPU && width == per_block * draws);
            assert_eq!(rounds, seeds.div_ceil(widest).div_ceil(gpus), "more rounds");
            assert!(per_block <= seeds.div_ceil(gpus), "a seed for each is left");
        }
    }
}
