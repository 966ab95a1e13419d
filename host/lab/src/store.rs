//! The store: what operations have given so far, by key, and which models are evicted.

use std::collections::HashMap;
use std::rc::Rc;

use picklock_files::Key;
use picklock_lm::Device;
use picklock_message::Result;

use crate::cached_model::Scope;
use crate::operation::{Operation, Product};
use crate::residence::{Residence, room_for_memory};

/// The products of a block.
pub struct Store {
    products: HashMap<Key, Product>,
    /// Calls of the bench so far.
    calls: u64,
    /// Bytes that unused models may take in host memory.
    pub(super) host_limit: u64,
    /// Where models are.
    pub residence: Residence,
}

impl Store {
    /// An empty store for models of a device.
    pub fn new(device: Device) -> Self {
        Self {
            products: HashMap::new(),
            calls: 0,
            host_limit: room_for_memory(),
            residence: Residence::new(device),
        }
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.products.clear();
    }

    /// Counts a call: models that it uses aren't evicted during it.
    pub fn begin_call(&mut self) {
        self.calls += 1;
        self.evict(0);
    }

    /// Evicts models that no trial holds, the longest unused first, until the others have room beside
    /// `incoming` bytes of new ones. A model that is requested again is made again, with the same
    /// weights.
    ///
    /// Copies that trials made are cheap to make again: on a GPU they stay as long as there is room on
    /// it. Base and locked models, which take whole trainings, have the host's memory besides.
    pub fn evict(&mut self, incoming: u64) {
        let mut on_gpu = incoming;
        let mut on_host = 0;
        let mut idle: Vec<(u64, Key, u64, Scope)> = Vec::new();
        for (key, product) in &self.products {
            let Product::Models(models) = product else {
                continue;
            };
            let used = models.iter().map(|model| model.used.get()).max();
            let (used, bytes) = (used.unwrap_or(0), product.bytes());
            if used < self.calls && models.iter().all(|model| Rc::strong_count(model) == 1) {
                idle.push((used, key.clone(), bytes, models[0].lineage.scope));
            } else {
                on_gpu += bytes;
            }
        }
        // The key breaks ties within a call, so that each run evicts the same models.
        idle.sort_unstable_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        for (_, key, bytes, scope) in idle {
            let (taken, limit) = match (self.residence.limit, scope) {
                (Some(gpu), Scope::Draw) => (&mut on_gpu, gpu),
                _ => (&mut on_host, self.host_limit),
            };
            *taken += bytes;
            if *taken > limit {
                self.products.remove(&key);
            }
        }
    }

    /// The product of an operation, where it was kept. Training is looked up by its copies, since the
    /// copy after some steps is the same whichever others were requested with it.
    pub fn get(&self, key: &Key, operation: &Operation) -> Option<Product> {
        let Some(copies) = operation.copies() else {
            return self.get_key(key);
        };
        let copy = |key: &Key| match self.get_key(key)? {
            Product::Models(models) => models.last().cloned(),
            _ => None,
        };
        let models: Option<Vec<_>> = copies.iter().map(copy).collect();
        models.map(Product::Models)
    }

    /// What is kept under a key; models count as used now.
    fn get_key(&self, key: &Key) -> Option<Product> {
        let product = self.products.get(key)?;
        for model in product.models() {
            model.used.set(self.calls);
        }
        Some(product.clone())
    }

    /// Keeps a product under its key, each model under its own.
    ///
    /// # Errors
    /// Where the host has no room for models that have to leave the GPU.
    pub fn keep(&mut self, key: Key, product: Product) -> Result<()> {
        let Product::Models(models) = product else {
            self.products.insert(key, product);
            return Ok(());
        };
        self.residence.admit(models.iter())?;
        for model in models {
            model.used.set(self.calls);
            let key = model.key.clone();
            self.products.insert(key, Product::Models(vec![model]));
        }
        Ok(())
    }
}
