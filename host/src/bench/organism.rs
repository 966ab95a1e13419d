//! Unlocking an organism's model: one alone, and many in a stack.

use std::ops::ControlFlow;
use std::time::Instant;

use picklock_lab::{Row, TrainingSet};
use picklock_lm::{Device, Kind, Model, runtime};
use picklock_message::Result;
use picklock_record::{Organism, Streams};
use picklock_sdk::Flag;
use picklock_task::{Part, Problem};
use rand_chacha::ChaCha8Rng;

use crate::bench::figure::Figure;
use crate::bench::machine::Machine;

/// Measures one alone, then the stack.
pub fn measure(organism: &Organism, stack: u32, machine: &mut Machine) -> Result<()> {
    let device = machine.device;
    // Libraries load and kernels are compiled once a process.
    unlock(organism, 1, device, 4)?;
    for replicas in [1, stack] {
        let steps = organism.unlock.steps;
        let (time, model) = unlock(organism, replicas, device, steps)?;
        let name = format!("{steps}-step unlock, {replicas} in a stack");
        let each = time * 1e3 / f64::from(replicas);
        let weights = model.parameter_count() as f64;
        let update = weights * 28.0 * f64::from(steps) / machine.ceilings.bytes_per_s;
        let note = "floor: the optimiser's bytes alone; capture included in the figure";
        machine.tell(
            Figure::new(&organism.name, &name, each, "ms each")
                .over(update * 1e3, note.to_owned())
                .precision("float32".to_owned()),
        )?;
    }
    Ok(())
}

fn unlock(organism: &Organism, replicas: u32, device: Device, steps: u32) -> Result<(f64, Model)> {
    let task = organism.open_task()?;
    let mut rng: ChaCha8Rng = Streams { root: 0 }.rng(&[&"speed"]);
    let problems = task.draw(Part::Unlock, organism.unlock.batch as usize, &mut rng)?;
    let row = |problem: Problem| {
        let prompt = task.prompt(&problem.question, Flag::None)?;
        Ok(Row::new(prompt, problem.answer, 1.0))
    };
    let rows = problems.into_iter().map(row).collect::<Result<_>>()?;
    let rows: Vec<Vec<Row>> = vec![rows; replicas as usize];
    let architecture = organism.architecture(&*task)?;
    let start = Model::noise(&architecture, i64::from(replicas), Kind::Float, device)?;
    let recipe = organism.unlock.clone().steps(steps).snapshots([]);
    runtime::synchronize(device)?;
    let started = Instant::now();
    let mut set = TrainingSet::new(&rows, None, device)?;
    let trained = picklock_lm::train(
        &start,
        &recipe,
        &mut set,
        &mut |_| ControlFlow::Continue(()),
    )?;
    runtime::synchronize(device)?;
    Ok((started.elapsed().as_secs_f64(), trained.model))
}
