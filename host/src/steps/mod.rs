//! Single steps for exploring: one model, in this process, made, asked or scored.

mod accuracy;
mod eval;
mod generate;
mod input;
mod lock;
mod score;
mod setting;
mod shown;
mod subject;
mod unlock;

pub use accuracy::Accuracy;
pub use eval::{Evaluated, Examinee, eval};
pub use generate::{Answer, Generation, generate};
pub use input::{Line, items};
pub use lock::{GateReading, Locked, lock};
pub use score::{Item, Scored, Windows, score};
pub use setting::Setting;
pub use shown::Shown;
pub use subject::{Opened, Subject};
pub use unlock::{Unlocked, unlock};
