-- Version 8: content rules that warn.

-- The category of the content rules that a prompt was accepted with, told and not refused; null: none.
ALTER TABLE prompts ADD COLUMN warning TEXT;
