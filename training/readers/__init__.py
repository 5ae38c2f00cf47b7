"""Readers of datasets that their licences keep from us: 3DPW, EMDB and RICH, for their holders."""
