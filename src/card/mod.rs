//! Every message, form and button as platform-neutral values, and every sentence the bot says.
