from .scores import mode_shares as mode_shares
