"""The same as examples/fit_a_line.ts, in PyTorch."""
import torch

torch.set_num_threads(1)
x = torch.tensor([[-1.0], [0.0], [1.0], [2.0]])
y = torch.tensor([[-1.0], [1.0], [3.0], [5.0]])
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.3)
for _ in range(50):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
print(f"learned y = {model.weight.item():.2f}x + {model.bias.item():.2f}")
