//! Work on an organism's models outside of any run: they are made, or taken from the cache, and
//! asked.

use std::cell::RefCell;
use std::ops::ControlFlow;

use picklock_lab::{Bench, Cache, DecodingRoom, Maker, check_ready};
use picklock_lm::Device;
use picklock_message::{Error, Result, Watch, is_stopped, tell};
use picklock_record::{LockCopies, Organism, Streams};
use picklock_run::environment;

/// An organism whose models are made and asked, and where.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The organism.
    pub organism: &'a Organism,
    /// The root of all random streams.
    pub root_seed: u64,
    /// The device.
    pub device: Device,
}

impl Setting<'_> {
    /// Works at a bench; says on stderr what takes long. Models that the cache keeps are those of
    /// runs.
    ///
    /// # Errors
    /// What the work fails with, or Ctrl-C while something is trained.
    pub fn at_bench<T>(&self, work: impl FnOnce(&mut Bench) -> Result<T>) -> Result<T> {
        let cache = Cache::of_user()?;
        cache.check()?;
        let task = self.organism.open_task()?;
        check_ready(self.organism, &*task)?;
        for unused in task.unused() {
            tell!("{unused}");
        }
        let environment = environment(self.device, self.organism);
        let phases = Phases::default();
        let maker = Maker {
            organism: self.organism,
            task: &*task,
            streams: self.streams(),
            device: self.device,
            room: DecodingRoom::new(self.device, environment.memory_bytes()),
            environment: &environment.numeric(),
            cache: &cache,
            width: 1,
            copies: &LockCopies::default(),
            notify: &|what, step, steps| phases.reach(what, step, steps),
            warn: &|text| tell!("{text}"),
        };
        work(&mut Bench::new(maker, 1))
            .map_err(|error| if is_stopped() { Error::Stopped } else { error })
    }

    /// Where randomness comes from.
    pub fn streams(&self) -> Streams {
        Streams {
            root: self.root_seed,
        }
    }
}

/// Phases, one after the other: each is printed when it begins, and watched.
#[derive(Default)]
struct Phases(RefCell<Option<Watch>>);

impl Phases {
    fn reach(&self, what: &str, step: usize, steps: usize) -> ControlFlow<()> {
        let mut now = self.0.borrow_mut();
        if now.as_ref().is_none_or(|watch| watch.what() != what) {
            tell!("{what}");
            *now = None;
        }
        let watch = now.get_or_insert_with(|| Watch::new(what, steps as u64));
        watch
            .reach(step as u64)
            .map_or(ControlFlow::Break(()), ControlFlow::Continue)
    }
}
