from .result import mode_shares as mode_shares
