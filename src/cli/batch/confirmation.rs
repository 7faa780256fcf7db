//! Asking before a batch orders much.

use super::super::confirmation::confirm;
use super::super::console::Console;
use super::super::error::CliError;

/// So many orders need no word: somebody who tries an inventory out is not asked.
const ORDERS_WITHOUT_A_WORD: usize = 5;

/// Says how much real money is at stake and asks, when it is much: `orders` may be sent, and no more
/// than `most`. The `hint` says where one can look before.
pub(super) fn confirm_orders(
    orders: usize,
    most: Option<usize>,
    hint: &str,
    console: &Console,
) -> Result<(), CliError> {
    let orders = orders.min(most.unwrap_or(usize::MAX));
    if orders <= ORDERS_WITHOUT_A_WORD {
        return Ok(());
    }
    let question =
        format!("This may order {orders} certificates, which costs money. Go on with all of them?");
    confirm(&question, hint, console)
}
