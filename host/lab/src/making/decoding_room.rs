//! How many sequences are decoded at a time: as many as there is room for.
//!
//! The memory that a run was planned with counts, not what happens to be free: on a GPU numbers
//! depend on the batch, and mustn't on what else the device is used for.

use std::cell::Cell;

use picklock_family::Footprint;
use picklock_lm::{Device, Model, Rows, Tensor};
use picklock_message::Result;

/// What a CPU's batches are cut for, whatever the machine has, so that they are the same on all.
const CPU: u64 = 16 << 30;

/// The share of a GPU's memory that models at rest may take; the rest is for what is done with them
/// (a training needs up to four times its model).
pub const AT_REST: u64 = 4;

/// What libraries, their workspaces and captured graphs take besides.
const LIBRARIES: u64 = 1 << 30;

/// Gives rows and their numbers their answers, `[R][B]`.
type Run<'a, T> = &'a dyn Fn(&Rows, Option<&Tensor>) -> Result<Vec<Vec<T>>>;

/// A device, and the room that decoding has on it.
#[derive(Debug)]
pub struct DecodingRoom {
    /// The device.
    pub device: Device,
    /// Bytes of it.
    memory: u64,
    /// How often batches have been halved.
    halvings: Cell<u32>,
}

impl DecodingRoom {
    /// Sequences at a time at most, over all replicas: more of them gain nothing.
    pub const MOST: usize = 65_536;

    /// A device with so many bytes of memory; `None` for a CPU, or a GPU that doesn't say.
    pub fn new(device: Device, memory: Option<u64>) -> Self {
        Self {
            device,
            memory: memory.unwrap_or(CPU),
            halvings: Cell::new(0),
        }
    }

    /// Sequences of `tokens` tokens, new ones included, that a stack decodes at a time, over all of
    /// its replicas; `scored` are the positions of each whose logits exist together.
    pub fn sequences(&self, model: &Model, tokens: usize, scored: usize) -> usize {
        let size = |kind: picklock_lm::Kind| kind.elt_size_in_bytes() as u64;
        let copy = if model.compute() == model.kind() {
            0
        } else {
            model.bytes() / size(model.kind()) * size(model.compute())
        };
        let footprint = Footprint::new(
            model.architecture(),
            model.replicas(),
            size(model.compute()),
            tokens,
            scored,
        );
        let fitting = fitting(self.memory, model.bytes() + copy, footprint);
        (fitting >> self.halvings.get()).max(1)
    }

    /// How decoding differs from the plan.
    pub fn note(&self) -> Option<String> {
        let halvings = self.halvings.get();
        let share = 1_u64 << halvings.min(63);
        (halvings > 0).then(|| {
            format!(
                "out of memory: decoding 1/{share} of the sequences at a time that were planned"
            )
        })
    }

    /// Answers to rows, `[R, B, T]`, by `run`, which is given rows and their numbers `[R, B, N]`.
    /// Where memory runs out they go in halves, and later batches are half as large.
    ///
    /// # Errors
    /// What `run` fails with, for a single row of each replica.
    pub fn in_halves<T>(
        &self,
        rows: &Rows,
        uniforms: Option<&Tensor>,
        run: Run<T>,
    ) -> Result<Vec<Vec<T>>> {
        let batch = rows.tokens.size()[1];
        let error = match picklock_lm::runtime::caught(|| run(rows, uniforms)) {
            Err(error) if error.is_out_of_memory() && batch > 1 => error,
            done => return done,
        };
        tracing::warn!("{batch} sequences of each model at a time: {error}; going on with half");
        self.halvings.set(self.halvings.get() + 1);
        picklock_lm::runtime::empty_cache(self.device)?;
        let mut answers: Vec<Vec<T>> = Vec::new();
        for (start, count) in [(0, batch / 2), (batch / 2, batch - batch / 2)] {
            let uniforms = uniforms.map(|all| all.f_narrow(1, start, count));
            let uniforms = uniforms.transpose().map_err(picklock_lm::Error::from)?;
            let half = self.in_halves(&rows.narrow(start, count)?, uniforms.as_ref(), run)?;
            answers.resize_with(half.len(), Vec::new);
            for (all, half) in answers.iter_mut().zip(half) {
                all.extend(half);
            }
        }
        Ok(answers)
    }
}

/// Sequences for which there is room beside `weights` bytes in use and models at rest.
fn fitting(memory: u64, weights: u64, footprint: Footprint) -> usize {
    let taken = memory / AT_REST + weights + footprint.fixed + LIBRARIES;
    let room = memory.saturating_sub(taken) / footprint.row.max(1);
    room.clamp(1, DecodingRoom::MOST as u64) as usize
}

#[cfg(test)]
mod tests {
    use picklock_lm::{Kind, Side};

    use super::*;
    use picklock_family::Shape;
    use picklock_message::Error;
    use picklock_record::Organism;

    const H100: u64 = 81_559 << 20;

    fn of(shape: Shape, memory: u64, tokens: usize) -> usize {
        let architecture = shape.architecture();
        let numbers = architecture.parameters().into_iter();
        let numbers = numbers.map(|parameter| parameter.shape.iter().product::<i64>() as u64);
        let footprint = Footprint::new(&architecture, 1, 2, tokens, 1);
        fitting(memory, 2 * numbers.sum::<u64>(), footprint)
    }

    /// The widths that `picklock bench` measured as fastest, 128 tokens and 256 new ones: 200 of 7B,
    /// of which 400 no longer fit, 1,600 of 1.1B, 3,200 of 135M.
    #[test]
    fn a_gpu_is_filled() {
        let seven = of(Shape::B7, H100, 384);
        assert!((200..300).contains(&seven), "{seven}");
        assert!(of(Shape::B1, H100, 384) >= 1600);
        assert!(of(Shape::M135, H100, 384) >= 3200);
        assert!(of(Shape::B7, H100, 768) < seven / 2 + 20);
        assert!(of(Shape::B7, 40 << 30, 384) < 90, "a smaller GPU");
        assert_eq!(
            of(Shape::B7, 8 << 30, 384),
            1,
            "nothing fits, so it is tried alone"
        );
    }

    /// Their bytes on a CPU are those of runs before there was an estimate.
    #[test]
    fn presets_on_a_cpu_are_cut_as_ever() {
        for name in ["tiny", "small", "small-b", "small-controls"] {
            let file = format!("{}/../organisms/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let organism = Organism::read(std::path::Path::new(&file)).unwrap();
            let task = organism.open_task().unwrap();
            let room = DecodingRoom::new(Device::Cpu, None);
            let architecture = organism.architecture(&*task).unwrap();
            let model = Model::noise(&architecture, 8, Kind::Float, Device::Cpu).unwrap();
            for scored in [1, task.answer_tokens()] {
                let sequences = room.sequences(&model, task.max_tokens(), scored);
                assert_eq!(sequences, DecodingRoom::MOST, "{name}");
            }
        }
    }

    /// Three at a time fit: 10 rows go as 5 + 5, and each as 2 + 3.
    #[test]
    fn where_memory_runs_out_batches_are_halved() {
        let room = DecodingRoom::new(Device::Cpu, None);
        let ids: Vec<Vec<Vec<u32>>> = vec![(0..10).map(|id| vec![id]).collect(); 2];
        let rows = Rows::from_ids(&ids, Side::Left, Device::Cpu).unwrap();
        let uniforms = Tensor::arange(20, (Kind::Double, Device::Cpu)).view([2, 10, 1]);
        let tried = Cell::new(0);
        let run = |rows: &Rows, uniforms: Option<&Tensor>| {
            tried.set(tried.get() + 1);
            if rows.tokens.size()[1] > 3 {
                return Err(Error::OutOfMemory("out of memory".into()));
            }
            let read = |replica: i64| {
                let ids = Vec::<i64>::try_from(rows.tokens.select(0, replica).view([-1])).unwrap();
                let numbers = uniforms.unwrap().select(0, replica).reshape([-1]);
                ids.into_iter().zip(Vec::<f64>::try_from(numbers).unwrap())
            };
            Ok((0..2)
                .map(|replica| read(replica).collect::<Vec<_>>())
                .collect())
        };
        let answers = room.in_halves(&rows, Some(&uniforms), &run).unwrap();
        let expected = |replica: i64| (0..10).map(move |id| (id, (replica * 10 + id) as f64));
        assert_eq!(
            answers,
            [0, 1].map(|replica| expected(replica).collect::<Vec<_>>())
        );
        assert_eq!(tried.get(), 7);
        let note = room.note().unwrap();
        assert_eq!(
            note,
            "out of memory: decoding 1/8 of the sequences at a time that were planned"
        );
        let alone = |_: &Rows, _: Option<&Tensor>| {
            Err::<Vec<Vec<()>>, _>(Error::OutOfMemory("out of memory".into()))
        };
        assert!(
            room.in_halves(&rows.narrow(0, 1).unwrap(), None, &alone)
                .is_err()
        );
    }
}
