"""One contrastive batch over several processes: each embeds its own rows, and all see the embeddings of all.

A contrastive loss compares every pair of a batch, so it cannot be computed from a process's own rows. Every process
computes the loss of the whole batch from gathered embeddings; gradients flow back to the process a row came from.
"""

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Share:
    """This process's share of every batch; without a fabric, all of it.

    Args:
        batch: number of pairs, a multiple of the number of processes.
        fabric: launched, or None.

    Raises:
        ValueError: a batch that cannot be shared out equally.
    """

    def __init__(self, batch: int, fabric: "Fabric | None" = None):
        self.fabric = fabric
        self.rank, self.world = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
        if batch % self.world:
            raise ValueError(f"a batch of {batch} pairs cannot be shared by {self.world} processes: give a multiple")

    def towers(self, towers: nn.Module) -> nn.Module:
        """Return the towers as a process calls them while training; the parameters stay those of ``towers``.

        Processes average their gradients. On GPUs BatchNorm's statistics are those of the whole batch; on CPUs PyTorch
        has no such layer, and they are of the process's own rows.
        """
        if self.fabric is None or self.world == 1:
            return towers
        if self.fabric.device.type == "cuda":
            towers = nn.SyncBatchNorm.convert_sync_batchnorm(towers)
        return self.fabric.setup_module(towers)

    def mine(self, batch: Tensor) -> Tensor:
        """Return this process's rows of a batch ``(B, ...)``."""
        return batch[self.rank :: self.world]

    def everyone(self, mine: Tensor) -> Tensor:
        """Return the rows of all processes ``(B, ...)`` in the batch's order, with gradients.

        Every process has the loss of the whole batch, so a row's gradient arrives once from each: their sum is undone
        by the average over processes that `towers` takes.
        """
        if self.fabric is None or self.world == 1:
            return mine
        gathered: Any = self.fabric.all_gather(mine, sync_grads=True)
        return gathered.transpose(0, 1).flatten(0, 1)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.fabric is not None:
            self.fabric.barrier()
