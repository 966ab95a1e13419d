//! Reading numbers: threads fill buffers with pieces of files while this one moves earlier pieces to
//! where they belong.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::cuda::Staging;
use crate::safetensors_file::{SafetensorsFile, not_finite};
use crate::{Device, Error, Kind, Result, Tensor};

/// The longest piece, in bytes: few enough to stay in the processor's cache.
const PIECE: usize = 1 << 22;

/// The most threads that read for a GPU. For a CPU one does, beside the one that converts.
const MOST_READERS: usize = 8;

/// Numbers of one tensor that follow one another in a file.
struct Piece<'a> {
    tensor: &'a str,
    file: &'a SafetensorsFile,
    /// Where in the file, in bytes.
    start: u64,
    /// How many numbers.
    count: usize,
    kind: Kind,
}

impl Piece<'_> {
    fn bytes(&self) -> usize {
        self.count * self.kind.elt_size_in_bytes()
    }
}

/// Tensors that are read together.
#[derive(Default)]
pub(super) struct Reading<'a> {
    pieces: Vec<Piece<'a>>,
    /// Where each piece goes, flat.
    targets: Vec<Tensor>,
}

impl<'a> Reading<'a> {
    /// Plans to read a stored tensor into a contiguous one, whose type may be another.
    pub(super) fn add(
        &mut self,
        (tensor, file): (&'a str, &'a SafetensorsFile),
        target: &Tensor,
    ) -> Result<()> {
        let (kind, start) = file.place(tensor)?;
        let (whole, size) = (target.f_view_([-1])?, kind.elt_size_in_bytes());
        let longest = PIECE / size;
        for first in (0..whole.numel()).step_by(longest) {
            let count = longest.min(whole.numel() - first);
            self.pieces.push(Piece {
                tensor,
                file,
                start: start + (first * size) as u64,
                count,
                kind,
            });
            self.targets
                .push(whole.f_narrow(0, first as i64, count as i64)?);
        }
        Ok(())
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// [`Error::Io`] where a file can't be read, [`Error::File`] with [`Error::NotFinite`] for the
    /// first tensor with a number that is infinite or none.
    pub(super) fn run(mut self, device: Device) -> Result<()> {
        let mut sums = Vec::with_capacity(self.pieces.len());
        let targets = &mut self.targets;
        each(&self.pieces, device, |index, piece, buffer| {
            let target = &mut targets[index];
            buffer.numbers(piece.count, piece.kind, |numbers| {
                Ok(target.f_copy_(&numbers.f_to_device(device)?)?)
            })?;
            // In the target's own type: for another the piece would be copied, into memory that
            // the sums kept here can tear into holes too small for the next copy.
            sums.push((index, target.f_sum(target.kind())?));
            Ok(())
        })?;
        sums.sort_unstable_by_key(|(index, _)| *index);
        self.check_finite(&sums.into_iter().map(|(_, sum)| sum).collect::<Vec<_>>())
    }

    /// Finds a number that is infinite or none by the pieces' sums, which then aren't finite either.
    fn check_finite(&self, sums: &[Tensor]) -> Result<()> {
        if sums.is_empty() {
            return Ok(());
        }
        let sums = Tensor::f_stack(sums, 0)?.f_to_device(Device::Cpu)?;
        let sums = Vec::<f32>::try_from(sums.f_to_kind(Kind::Float)?)?;
        for (index, sum) in sums.into_iter().enumerate() {
            // Finite numbers may have a sum that isn't.
            if !sum.is_finite()
                && let Some(got) = not_finite(&self.targets[index])?
            {
                let piece = &self.pieces[index];
                let tensor = piece.tensor.to_owned();
                return Err(Error::NotFinite { tensor, got }.in_file(&piece.file.path));
            }
        }
        Ok(())
    }
}

/// Hands over every piece with its index and a buffer that begins with its bytes, in any order.
fn each(
    pieces: &[Piece],
    device: Device,
    mut take: impl FnMut(usize, &Piece, &Staging) -> Result<()>,
) -> Result<()> {
    let readers = readers(device).min(pieces.len());
    let longest = pieces.iter().map(Piece::bytes).max().unwrap_or(0);
    let (free, to_fill) = channel();
    let (full, filled) = channel();
    for _ in 0..(2 * readers).min(pieces.len()) {
        let _ = free.send(Staging::new(longest, device)?); // the other end is below
    }
    // What is left to read, and the buffers to read into.
    let queue = Mutex::new((pieces.iter().enumerate(), to_fill));
    let next = || {
        let mut queue = queue.lock().ok()?;
        let (index, piece) = queue.0.next()?;
        Some((index, piece, queue.1.recv().ok()?))
    };
    std::thread::scope(|scope| {
        for _ in 0..readers {
            let (next, full) = (&next, full.clone());
            // Until nothing is left, or nobody wants it.
            scope.spawn(move || {
                while let Some((index, piece, mut buffer)) = next() {
                    let bytes = &mut buffer.bytes()[..piece.bytes()];
                    let read = piece.file.read_bytes(bytes, piece.start);
                    if full.send((index, read.map(|()| buffer))).is_err() {
                        return;
                    }
                }
            });
        }
        // What ends the loop early drops both channels' ends here, and so ends the readers.
        let (free, filled) = (free, filled);
        drop(full);
        for (index, buffer) in filled {
            let buffer = buffer?;
            take(index, &pieces[index], &buffer)?;
            let _ = free.send(buffer); // the last readers may have gone, as nothing is left to read
        }
        Ok(())
    })
}

fn readers(device: Device) -> usize {
    match device {
        Device::Cpu => 1,
        _ => std::thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_READERS),
    }
}
