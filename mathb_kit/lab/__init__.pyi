from .modes import mode_shares as mode_shares
