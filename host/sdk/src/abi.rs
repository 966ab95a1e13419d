//! The boundary between host and plugin: the static manifest that the host reads from the file
//! before any of the plugin's code runs, and the `abi_stable` module that it loads afterwards.
//!
//! Panics are caught on their own side: [`guarded`] wraps what either side does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RResult, RVec};
use abi_stable::{StableAbi, package_version_strings, sabi_trait};

use crate::{Arm, Hypothesis, Lab, LabError, Reply, Request};

/// The boundary's version. It goes up with every change to what crosses it.
pub const NUMBER: u32 = 3;

/// The ELF section that holds a plugin's [`Manifest`].
pub const SECTION: &str = ".picklock";

/// What a manifest starts with.
pub const MAGIC: [u8; 8] = *b"PICKLOCK";

/// What the host reads from a plugin's file without running it. Texts are UTF-8, padded with 0.
/// Its layout is frozen: `abi` says how to read everything else.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Manifest {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// The plugin's [`NUMBER`].
    pub abi: u32,
    /// The hypothesis' name.
    pub name: [u8; 64],
    /// The plugin's version.
    pub version: [u8; 32],
    /// The SDK's version.
    pub sdk: [u8; 32],
}

impl Manifest {
    /// The manifest of the crate `package` (`picklock-NAME`) at `version`.
    pub const fn new(package: &str, version: &str) -> Self {
        let prefix = b"picklock-";
        let bytes = package.as_bytes();
        let mut start = 0;
        if bytes.len() > prefix.len() {
            start = prefix.len();
            let mut index = 0;
            while index < prefix.len() {
                if bytes[index] != prefix[index] {
                    start = 0;
                }
                index += 1;
            }
        }
        Self {
            magic: MAGIC,
            abi: NUMBER,
            name: padded(bytes, start),
            version: padded(version.as_bytes(), 0),
            sdk: padded(env!("CARGO_PKG_VERSION").as_bytes(), 0),
        }
    }
}

const fn padded<const N: usize>(text: &[u8], start: usize) -> [u8; N] {
    assert!(
        text.len() - start < N,
        "the crate's name or version is too long for a manifest"
    );
    let mut bytes = [0; N];
    let mut index = start;
    while index < text.len() {
        bytes[index - start] = text[index];
        index += 1;
    }
    bytes
}

/// The host's side of one trial.
#[sabi_trait]
pub trait LabApi {
    /// Carries out one request. Never unwinds.
    #[sabi(last_prefix_field)]
    fn call(&self, request: Request) -> RResult<Reply, LabError>;
}

/// A [`LabApi`] that can cross the boundary.
pub type LabBox = LabApi_TO<'static, RBox<()>>;

/// The plugin's side.
#[sabi_trait]
pub trait HypothesisApi: Send + Sync {
    /// The arms that the plugin can run. Never unwinds.
    fn arms(&self) -> RResult<RVec<Arm>, LabError>;

    /// One trial. Never unwinds.
    #[sabi(last_prefix_field)]
    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), LabError>;
}

/// A [`HypothesisApi`] that can cross the boundary.
pub type HypothesisBox = HypothesisApi_TO<'static, RBox<()>>;

/// What a plugin exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModule_Ref)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// Makes the hypothesis.
    #[sabi(last_prefix_field)]
    pub hypothesis: extern "C" fn() -> HypothesisBox,
}

impl RootModule for PluginModule_Ref {
    abi_stable::declare_root_module_statics! {PluginModule_Ref}
    const BASE_NAME: &'static str = "picklock_plugin";
    const NAME: &'static str = "picklock_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// Catches the plugin's panics on the plugin's side.
struct Guard<H>(H);

impl<H: Hypothesis> HypothesisApi for Guard<H> {
    fn arms(&self) -> RResult<RVec<Arm>, LabError> {
        guarded(|| Ok(self.0.arms().into()))
    }

    fn run(&self, lab: LabBox, arm: Arm) -> RResult<(), LabError> {
        guarded(|| self.0.run(&mut Lab::new(lab), &arm))
    }
}

/// Runs `work`; a panic in it becomes an error. Both sides of the boundary wrap what they do in
/// this, because a panic that crosses it ends the process.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, LabError>) -> RResult<T, LabError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.into(),
        Err(payload) => RResult::RErr(LabError::panicked(payload.as_ref())),
    }
}

/// Makes the object that crosses the boundary; called by [`export_hypothesis!`](crate::export_hypothesis).
pub fn boxed<H: Hypothesis>() -> HypothesisBox {
    HypothesisApi_TO::from_value(Guard(H::default()), abi_stable::sabi_trait::TD_Opaque)
}

/// Makes this library a plugin: writes its manifest and exports the hypothesis type. The crate is
/// called `picklock-NAME`, is a `cdylib`, and depends on `abi_stable` beside this crate.
#[macro_export]
macro_rules! export_hypothesis {
    ($hypothesis:ty) => {
        // What abi_stable's attribute expands to has no documentation.
        #[allow(missing_docs)]
        mod picklock_export {
            use super::*;
            use $crate::abi_stable::prefix_type::PrefixTypeTrait;

            /// What the host reads from this plugin's file before running any of it.
            #[used]
            #[unsafe(no_mangle)]
            #[unsafe(link_section = ".picklock")]
            pub static PICKLOCK_MANIFEST: $crate::abi::Manifest =
                $crate::abi::Manifest::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

            extern "C" fn hypothesis() -> $crate::abi::HypothesisBox {
                $crate::abi::boxed::<$hypothesis>()
            }

            /// What the host loads.
            #[$crate::abi_stable::export_root_module]
            pub fn picklock_plugin() -> $crate::abi::PluginModule_Ref {
                $crate::abi::PluginModule { hypothesis }.leak_into_prefix()
            }
        }
    };
}
