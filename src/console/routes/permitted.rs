//! Lists that a user may not see: a page is shown without them.

use crate::console::answer::failure::Failure;

/// What was read; `None` if the user may not. Other failures are those of the page.
pub fn permitted<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.is_refusal() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What was read; `None` if the user may not, or if there is none.
pub fn existing<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Err(Failure::NotFound) => Ok(None),
        result => permitted(result),
    }
}
