//! Where a block's models are: those in use on the GPU, the others in pinned host memory, as far as
//! there is room.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::{Rc, Weak};

use picklock_lm::{Device, Model, runtime};
use picklock_message::Result;
use sysinfo::System;

use crate::cached_model::CachedModel;
use crate::making::AT_REST;

/// Bytes of the host's memory that models may take which no trial holds: half of it, shared by the
/// workers of its GPUs, of which other tasks may have some.
pub fn room_for_memory() -> u64 {
    let workers = (runtime::gpu_count() as u64).max(2);
    host_memory() / (2 * workers)
}

/// Bytes of the host's memory. In a container it is the container's memory that ends first.
pub fn host_memory() -> u64 {
    let mut system = System::new();
    system.refresh_memory();
    let limits = system.cgroup_limits();
    limits
        .map_or(u64::MAX, |limits| limits.total_memory)
        .min(system.total_memory())
}

/// Moves a block's models between a GPU and its host.
pub struct Residence {
    device: Device,
    /// Bytes of models that stay on the GPU; `None` on a CPU, where all do.
    pub(super) limit: Option<u64>,
    /// Models on the GPU, the latest used first.
    resident: RefCell<Vec<Weak<CachedModel>>>,
}

impl Residence {
    /// For models of a device.
    pub fn new(device: Device) -> Self {
        let memory = runtime::memory(device).ok().flatten();
        Self {
            device,
            limit: memory.map(|memory| memory.total / AT_REST),
            resident: RefCell::default(),
        }
    }

    /// The models as one stack on the device, where each stays while there is room.
    ///
    /// # Errors
    /// Where there is no room, or they don't stack.
    pub fn stack(&self, models: &[&Rc<CachedModel>]) -> Result<Model> {
        let on_device = |cached: &&Rc<CachedModel>| -> Result<Model> {
            let Some(limit) = self.limit else {
                return cached.model();
            };
            let model = cached.model()?.to_device(self.device)?;
            if cached.bytes <= limit {
                cached.relocate(model.share());
            }
            Ok(model)
        };
        let stack: Vec<Model> = models.iter().map(on_device).collect::<Result<_>>()?;
        self.admit(models.iter().copied())?;
        Ok(Model::stack(&stack.iter().collect::<Vec<_>>())?)
    }

    /// Counts models as the latest used, and moves those to the host for which there is no room.
    ///
    /// # Errors
    /// Where there is none on the host either.
    pub fn admit<'a>(&self, models: impl Iterator<Item = &'a Rc<CachedModel>>) -> Result<()> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        let mut resident = self.resident.borrow_mut();
        let before = std::mem::take(&mut *resident);
        let before = before.iter().filter_map(Weak::upgrade);
        let mut seen = HashSet::new();
        let mut bytes = 0;
        for cached in models.cloned().chain(before) {
            if !cached.is_on_gpu() || !seen.insert(Rc::as_ptr(&cached)) {
                continue;
            }
            bytes += cached.bytes;
            if bytes > limit {
                cached.relocate(cached.model()?.to_host()?);
            } else {
                resident.push(Rc::downgrade(&cached));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use picklock_family::{Architecture, Gpt2Config};
    use picklock_lm::Kind;

    use super::*;
    use crate::cached_model::{Lineage, Scope};
    use picklock_files::Key;

    fn cached(number: u32, device: Device) -> Rc<CachedModel> {
        let architecture = Architecture::Gpt2(Gpt2Config {
            vocab_size: 10,
            n_positions: 8,
            n_embd: 16,
            n_layer: 1,
            n_head: 2,
            n_inner: None,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: false,
        });
        let model = Model::noise(&architecture, 1, Kind::Float, device).unwrap();
        let lineage = Lineage {
            scope: Scope::Draw,
            seed: number,
            is_weak: false,
        };
        CachedModel::new(Key::of(&number), lineage, model, None)
    }

    #[test]
    fn on_a_cpu_models_stay_where_they_are() {
        runtime::start(Some(1));
        let residence = Residence::new(Device::Cpu);
        let models = [cached(0, Device::Cpu), cached(1, Device::Cpu)];
        residence.admit(models.iter()).unwrap();
        let stack = residence.stack(&[&models[0], &models[1]]).unwrap();
        assert_eq!((stack.replicas(), stack.device()), (2, Device::Cpu));
    }

    /// With room for two of three: the one that was used longest ago goes to the host, and comes back
    /// with the same numbers.
    #[test]
    fn on_a_gpu_the_latest_used_stay() {
        runtime::start(Some(1));
        if runtime::gpu_count() == 0 {
            println!("skipped: no GPU");
            return;
        }
        let gpu = Device::Cuda(0);
        let mut residence = Residence::new(gpu);
        let models = [cached(0, gpu), cached(1, gpu), cached(2, gpu)];
        residence.limit = Some(2 * models[0].bytes);
        let digest = models[0].digest().unwrap();
        residence.admit(models.iter().take(1)).unwrap();
        residence.admit(models.iter().skip(1)).unwrap();
        let on_gpu = || {
            models
                .iter()
                .map(|cached| cached.is_on_gpu())
                .collect::<Vec<_>>()
        };
        assert_eq!(on_gpu(), [false, true, true]);
        let back = residence.stack(&[&models[0]]).unwrap();
        assert_eq!((back.device(), on_gpu()), (gpu, vec![true, true, false]));
        assert_eq!(back.digest().unwrap(), digest);
        // One that has no room at all is moved there for the call alone.
        residence.limit = Some(models[0].bytes - 1);
        residence.admit(models.iter()).unwrap();
        assert_eq!(on_gpu(), [false; 3]);
        assert_eq!(residence.stack(&[&models[1]]).unwrap().device(), gpu);
        assert_eq!(on_gpu(), [false; 3]);
    }
}
