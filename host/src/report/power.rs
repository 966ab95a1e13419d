//! Power: what a run of a given size could show, and the seeds that it takes to show something.

use std::fmt::Write;

use picklock_stats::{Expectation, Margin, Plan, VarianceComponents};

use crate::hypothesis::{Prediction, Registration};
use crate::organism::Organism;

/// The power of some hypotheses' predictions.
pub struct Power<'a> {
    /// The hypotheses.
    pub registrations: &'a [Registration],
    /// The size of the run.
    pub size: Plan,
}

/// The true sizes that are to be found, in percentage points.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of an effect, or of a margin around 0.
    pub points: f64,
    /// Of core's effect, of which other margins and ratios are shares.
    pub core: f64,
}

/// The size of a run of this organism.
pub fn size(organism: &Organism, seeds: u32, draws: u32) -> Plan {
    Plan {
        seeds: seeds as usize,
        draws: draws as usize,
        problems: organism.problems.held_out as usize,
        shared: organism.problems.shared,
    }
}

impl Power<'_> {
    /// The least size that each prediction would find with 80% power, a line each.
    pub fn detectable(&self) -> String {
        let mut text = format!("found with 80% power, {}:\n", self.source());
        self.each(&mut text, |prediction, alpha| {
            let found = noise().detectable(&self.size, &prediction.expectation(), alpha);
            found.map_or_else(|reason| reason.to_string(), |found| found.to_string())
        });
        text
    }

    /// The seeds that each prediction takes to find a true size with 80% power, a line each.
    pub fn seeds(&self, sizes: Sizes) -> String {
        let Sizes { points, core } = sizes;
        let Plan {
            draws, problems, ..
        } = self.size;
        let mut text = format!(
            "seeds for 80% power with {draws} draws and {problems} problems each, {}:\n",
            self.source()
        );
        self.each(&mut text, |prediction, alpha| {
            let expectation = prediction.expectation();
            let (size, what) = match expectation {
                Expectation::Greater | Expectation::Less => {
                    (points, format!("an effect of {points} points"))
                }
                Expectation::Equivalent(Margin::Points(margin))
                | Expectation::NonInferior(Margin::Points(margin)) => {
                    (margin, format!("no effect within {margin} points"))
                }
                Expectation::Equivalent(_) | Expectation::NonInferior(_) => {
                    (core, format!("no effect, if core's is {core} points"))
                }
                Expectation::RatioWithin { .. } => (
                    core,
                    format!("the ratio, if the full effect is {core} points"),
                ),
            };
            match noise().seeds_for(size, &self.size, &expectation, alpha) {
                Ok(Some(seeds)) => format!("{seeds} seeds for {what}"),
                Ok(None) => format!("no number of seeds for {what}"),
                Err(reason) => reason.to_string(),
            }
        });
        text
    }

    fn each(&self, text: &mut String, say: impl Fn(&Prediction, f64) -> String) {
        for registration in self.registrations {
            for prediction in &registration.predictions {
                let said = say(prediction, registration.alpha);
                let (name, prediction) = (&registration.name, &prediction.name);
                // Writing to a string can't fail.
                let _ = writeln!(text, "  {name}, {prediction}: {said}");
            }
        }
    }

    fn source(&self) -> String {
        let noise = noise();
        format!(
            "if seeds vary by {} points, draws by {}, problems by {} and single answers by {} (assumed)",
            noise.seed, noise.draw, noise.problem, noise.residual
        )
    }
}

fn noise() -> VarianceComponents {
    VarianceComponents::ASSUMED
}
