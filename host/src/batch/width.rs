//! How wide a run's stacks are, where it isn't left to the host.

use std::path::Path;

use super::plan::geometry;
use super::prepare::Request;
use crate::error::{Error, Result};
use crate::journal::Geometry;

/// How a new run is cut into blocks and stacks.
pub fn cut(request: &Request, cuda: bool) -> Geometry {
    let Request {
        seeds,
        draws,
        width,
        ..
    } = *request;
    match width {
        None => geometry(cuda, seeds, draws),
        Some(width) => {
            let seeds_per_block = (width / draws.max(1)).clamp(1, seeds.max(1));
            Geometry {
                seeds_per_block,
                width: width.min(seeds_per_block * draws),
            }
        }
    }
}

/// A run keeps the width that it began with.
///
/// # Errors
/// Where another one is asked for.
pub fn check_width(run: &Path, request: &Request, geometry: Geometry) -> Result<()> {
    let asked = cut(request, false).width;
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
