//! The verb `house`: the house alone, for whoever wants to look around.

use super::directions;
use super::error::Error;
use super::house::{self, House};
use super::interrupt::{self, Interrupt};
use super::isolation;
use super::options;

/// Builds the house, tells how to enter it, and waits for a signal.
///
/// # Errors
/// `Interrupted` in the end; anything else kept the house from standing.
pub fn run(options: options::House) -> Result<(), Error> {
    let lab = std::env::current_exe().map_err(Error::io("find this program"))?;
    let blocked = interrupt::block()?;
    let standing = isolation::leave()?;
    let interrupt = Interrupt::listen(blocked)?;
    let rates = (!options.direct).then(|| house::typical_line(options.down_kbit, options.up_kbit));
    let house = House::build(&house::Options {
        lab,
        rates,
        guests: Vec::new(),
    })?;
    eprint!("{}", directions::to_enter(&house, standing));
    eprintln!("The house stays until Ctrl-C.");
    Err(interrupt.wait())
}
