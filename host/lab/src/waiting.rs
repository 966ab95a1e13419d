//! Waiting for another thread: awake at first, since an answer that needs no model comes within
//! microseconds, and waking a thread that sleeps takes tens of them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// How long a thread stays awake.
const AWAKE: Duration = Duration::from_micros(50);

/// The next message, for which this waits at most `limit`, or for ever without one.
///
/// # Errors
/// Where none has come, or none can come any more.
pub fn receive<T>(receiver: &Receiver<T>, limit: Option<Duration>) -> Result<T, RecvTimeoutError> {
    let start = Instant::now();
    loop {
        match receiver.try_recv() {
            Err(TryRecvError::Empty) if start.elapsed() > AWAKE => break,
            // The sender may need this very core.
            Err(TryRecvError::Empty) => std::thread::yield_now(),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Ok(value) => return Ok(value),
        }
    }
    match limit {
        Some(limit) => receiver.recv_timeout(limit),
        None => Ok(receiver.recv()?),
    }
}
