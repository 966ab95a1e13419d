//! Waiting for another thread: awake at first, since an answer that needs no model comes within
//! microseconds, and waking a thread that sleeps takes tens of them.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// How long a thread stays awake.
const AWAKE: Duration = Duration::from_micros(50);

/// What comes within some microseconds; `None` where nothing has, or nothing can any more.
pub fn soon<T>(receiver: &Receiver<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        match receiver.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if start.elapsed() > AWAKE => return None,
            // Whoever is waited for may need this very core.
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
}
