//! Power: what a run of a given size could show, and the seeds that it takes to show something.

use std::fmt::Write;

use picklock_record::{Organism, Prediction, Registration, core_arms};
use picklock_stats::{Expectation, Margin, Plan, VarianceComponents};
use serde::Serialize;

use crate::analysis;
use crate::evidence::Evidence;

/// The power of some hypotheses' predictions.
pub struct Power<'a> {
    /// The hypotheses.
    pub registrations: &'a [Registration],
    /// The size of the run.
    pub size: Plan,
    /// The run whose noise is taken; without one it is assumed.
    pub from: Option<Evidence>,
}

/// The true sizes that are to be found, in percentage points.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of an effect, or of a margin around 0.
    pub points: f64,
    /// Of core's effect, of which other margins and ratios are shares.
    pub core: f64,
}

/// The least size that a prediction finds with 80% power.
#[derive(Clone, Debug, Serialize)]
pub struct Found<'a> {
    /// The hypothesis.
    pub hypothesis: &'a str,
    /// The prediction.
    pub prediction: &'a str,
    /// Percentage points; none where nothing can be found.
    pub points: Option<f64>,
    /// Of what; or why nothing can be found.
    pub text: String,
    /// What noise is expected.
    pub noise: String,
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
        for found in self.each_detectable() {
            let (hypothesis, prediction) = (found.hypothesis, found.prediction);
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {hypothesis}, {prediction}: {}", found.text);
        }
        text
    }

    /// The least size that each prediction would find with 80% power.
    pub fn each_detectable(&self) -> Vec<Found<'_>> {
        let found = self.predictions().map(|(registration, prediction)| {
            let noise = self.noise(registration, prediction);
            let expectation = prediction.expectation();
            let found = noise.detectable(&self.size, &expectation, registration.alpha);
            Found {
                hypothesis: &registration.name,
                prediction: &prediction.name,
                points: found.as_ref().ok().map(|found| found.points),
                text: found.map_or_else(|reason| reason.to_string(), |found| found.to_string()),
                noise: self.source(),
            }
        });
        found.collect()
    }

    /// The seeds that each prediction takes to find a true size with 80% power, a line each.
    pub fn seeds(&self, sizes: Sizes) -> String {
        let Plan {
            draws, problems, ..
        } = self.size;
        let mut text = format!(
            "seeds for 80% power with {draws} draws and {problems} problems each, {}:\n",
            self.source()
        );
        for (registration, prediction) in self.predictions() {
            let expectation = prediction.expectation();
            let (size, what) = sizes.of(&expectation);
            let noise = self.noise(registration, prediction);
            let said = match noise.seeds_for(size, &self.size, &expectation, registration.alpha) {
                Ok(Some(seeds)) => format!("{seeds} seeds for {what}"),
                Ok(None) => format!("no number of seeds for {what}"),
                Err(reason) => reason.to_string(),
            };
            let (name, prediction) = (&registration.name, &prediction.name);
            // Writing to a string can't fail.
            let _ = writeln!(text, "  {name}, {prediction}: {said}");
        }
        text
    }

    /// Every hypothesis with each of its predictions.
    fn predictions(&self) -> impl Iterator<Item = (&Registration, &Prediction)> {
        self.registrations.iter().flat_map(|registration| {
            let predictions = registration.predictions.iter();
            predictions.map(move |prediction| (registration, prediction))
        })
    }

    /// How much a prediction's effect varies: as the earlier run measured it, where it did.
    fn noise(&self, registration: &Registration, prediction: &Prediction) -> VarianceComponents {
        let measured = self.from.as_ref().and_then(|evidence| {
            let effect = evidence.predicted(&registration.name, prediction);
            VarianceComponents::estimate(&effect.measured(&effect.differences())).ok()
        });
        measured.unwrap_or(VarianceComponents::ASSUMED)
    }

    fn source(&self) -> String {
        let noise = VarianceComponents::ASSUMED;
        let assumed = format!(
            "if seeds vary by {} points, draws by {}, problems by {} and single answers by {} (assumed)",
            noise.seed, noise.draw, noise.problem, noise.residual
        );
        match &self.from {
            None => assumed,
            Some(evidence) => format!(
                "if effects vary as in {} with {} seeds, and where it hasn't measured them, {assumed}",
                evidence.manifest.organism.name, evidence.manifest.seeds
            ),
        }
    }
}

impl Sizes {
    /// The size that an expectation has to find, and what that means.
    fn of(self, expectation: &Expectation) -> (f64, String) {
        let Self { points, core } = self;
        match expectation {
            Expectation::Greater | Expectation::Less => {
                (points, format!("an effect of {points} points"))
            }
            Expectation::Equivalent(Margin::Points(margin))
            | Expectation::NonInferior(Margin::Points(margin)) => {
                (*margin, format!("no effect within {margin} points"))
            }
            Expectation::Equivalent(_) | Expectation::NonInferior(_) => {
                (core, format!("no effect, if core's is {core:.1} points"))
            }
            Expectation::RatioWithin { .. } => (
                core,
                format!("the ratio, if the full effect is {core:.1} points"),
            ),
        }
    }
}

/// Core's mean effect in an earlier run, in percentage points.
pub fn core_effect(evidence: &Evidence) -> Option<f64> {
    analysis::core_effect(evidence, &core_arms().0).mean()
}
