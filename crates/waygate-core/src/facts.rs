//! What a decision may ask about a request.

use jiff::Timestamp;

use crate::route::RouteMethod;

/// The facts of one request. Implementations borrow from the request; nothing is asked that is not needed.
pub trait RequestFacts {
    /// The method; `None` for extension methods, to which only routes for any method apply.
    fn method(&self) -> Option<RouteMethod>;

    /// The template that the framework's router has matched. `None` where there is none: the path is matched then.
    fn template(&self) -> Option<&str>;

    /// The concrete path, without the query.
    fn path(&self) -> &str;

    /// The time of the request. Asked only where something ends or begins by itself.
    fn now(&self) -> Timestamp;
}
