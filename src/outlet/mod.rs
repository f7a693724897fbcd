//! All that one stream offers to viewers: lazy feeds, and the shapes in which their units go out.

pub mod wire;

mod outlets;

pub use outlets::{Outlet, Outlets};
pub use wire::{Dialect, FlvForm, FragmentForm};
