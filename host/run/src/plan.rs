//! The plan of a run as people and programs read it. Nothing is run or written.

use std::path::Path;

use picklock_message::{Exit, Result, say, tell};
use picklock_record::Roots;
use picklock_report::{Evidence, Power, size};

use crate::event::Event;
use crate::outlook::Outlook;
use crate::request::Request;

/// Says what a run would hold, cost and show, with the noise of an earlier run where one is given.
///
/// # Errors
/// Where the input is bad, or the folder belongs to another run.
pub fn plan(request: &Request, from: Option<&Path>, roots: &Roots) -> Result<Exit> {
    let from = from.map(Evidence::read).transpose()?;
    let prepared = request.prepare(roots)?;
    let planned = prepared.plan(request)?;
    let outlook = Outlook::new(&prepared, &planned, request.shard);
    let manifest = &prepared.manifest;
    let testable = prepared.testable();
    let power = Power {
        registrations: &testable,
        size: size(&manifest.organism, manifest.seeds, manifest.draws),
        from,
    };
    let obstacle = prepared
        .obstacle
        .as_ref()
        .map(|problem| format!("a run would be refused: {problem}"));
    if request.json {
        Event::Plan(&outlook).print();
        if let Some(text) = &obstacle {
            Event::Note { text }.print();
        }
        for found in power.each_detectable() {
            Event::Power(&found).print();
        }
    } else {
        say!("{}", outlook.text(&manifest.environment.device));
        say!("\n{}", power.detectable());
        if let Some(text) = &obstacle {
            tell!("{text}");
        }
    }
    Ok(Exit::failed_if(manifest.has_refused()))
}
