"""Well-known networks: configs if a :class:`UNetConfig` can describe them, graphs otherwise.

Each graph is a function of its widths. Its nodes have the names of its source, so you can look them up there. A file
holds one family.
"""

from .attention import attention_unet as attention_unet
from .audio import demucs as demucs
from .audio import wave_unet as wave_unet
from .catalogue import PRESETS as PRESETS
from .catalogue import Presets as Presets
from .configs import CONFIGS as CONFIGS
from .diffusion import ddpm as ddpm
from .diffusion import stable_diffusion_vae as stable_diffusion_vae
from .full_scale import unet3plus as unet3plus
from .nested import u2net as u2net
from .nested import u2net_rsu7 as u2net_rsu7
from .nested import unetplusplus as unetplusplus
from .nnunet import nnunet_3d_fullres as nnunet_3d_fullres
from .nnunet import nnunet_3d_resenc as nnunet_3d_resenc
from .residual import monai_unet as monai_unet
from .residual import smp_resnet34 as smp_resnet34
from .translation import pix2pix as pix2pix
from .volumes import monai_basicunet as monai_basicunet
from .volumes import unet3d as unet3d
