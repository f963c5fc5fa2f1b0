"""The miniature's tokenizer: characters, with whole words and LaTeX commands as single tokens."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"

# Digits stay single, so that a number is worked on place by place.
WORDS = (
    "Let $", "$, $", "$. Find $", "$.", "10^{", "\\cdot ", "\\boxed{", "Carefully: ", "Quickly: ", "Columns: ",
)  # fmt: skip


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A fast tokenizer whose decoding gives back the exact text of anything in printable ASCII."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokens = [PAD, BOS, EOS, UNKNOWN, *WORDS, "\n", *(c for c in string.printable if c.isprintable())]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    pattern = "|".join(map(re.escape, WORDS)) + "|[\\s\\S]"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, vocabulary[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_max_length=256,
    )
