//! Asking before a batch orders much.

use super::super::arguments::RunArguments;
use super::super::confirmation::confirm;
use super::super::console::Console;
use super::super::error::CliError;
use super::choice::Choices;

/// So many orders need no word: somebody who tries an inventory out is not asked.
const ORDERS_WITHOUT_A_WORD: usize = 5;

/// Says what is about to be ordered and asks, when it is much and real money.
pub(super) fn confirm_orders(
    choices: &Choices,
    arguments: &RunArguments,
    console: &Console,
) -> Result<(), CliError> {
    let most = arguments.batch.max_orders.unwrap_or(usize::MAX);
    let orders = choices.orders().min(most);
    if arguments.sandbox || arguments.batch.yes || orders <= ORDERS_WITHOUT_A_WORD {
        return Ok(());
    }
    let question =
        format!("This may order {orders} certificates, which costs money. Go on with all of them?");
    confirm(&question, "`certplan preview --inventory …` shows what would be ordered", console)
}
