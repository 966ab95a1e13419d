//! A member's side of the lab: it sends requests to the executor's thread and waits.

use std::sync::mpsc::{Receiver, Sender};

use abi_stable::std_types::RResult;
use picklock_sdk::abi::{LabApi, guarded};
use picklock_sdk::{LabError, Reply, Request};

use crate::waiting::receive;

/// What a member's thread sends to the executor.
pub enum Event {
    /// A request; the member waits for its reply.
    Call(Request),
    /// The trial has ended.
    Ended(Result<(), LabError>),
}

/// The lab of one trial, as its plugin sees it.
pub struct MemberLab {
    /// The member's number in its cohort.
    pub index: usize,
    /// To the executor.
    pub events: Sender<(usize, Event)>,
    /// From the executor.
    pub replies: Receiver<Result<Reply, LabError>>,
}

impl LabApi for MemberLab {
    fn call(&self, request: Request) -> RResult<Reply, LabError> {
        guarded(|| {
            let ended = || LabError::failed("the host has ended this trial");
            let event = (self.index, Event::Call(request));
            self.events.send(event).map_err(|_| ended())?;
            receive(&self.replies, None).map_err(|_| ended())?
        })
    }
}
