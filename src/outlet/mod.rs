//! All that one stream offers to viewers: lazy feeds, the shapes in which their units go out, and the shelf of its segments.

pub mod wire;

mod flow;
mod outlets;
mod shelf;
#[cfg(test)]
mod tests;
mod text;
mod texts;
mod variants;

pub use flow::{Flow, Gone};
pub use outlets::{Feeds, Outlet, Outlets};
pub use shelf::{File, Media, NOTHING, NotHeld, Shelf};
pub use text::{Form, Text};
pub use texts::{Listing, Texts, TooMuchRead};
pub use variants::{MAX_VARIANTS, TooManyVariants};
pub use wire::{Dialect, FlvForm, FragmentForm};
