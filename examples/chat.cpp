// Two turns of a conversation, the second streamed: what Qwen's README does in Python with
// transformers.
//
//   example_chat [MODEL]      a checkpoint folder, a .gguf file or a name in the model cache
#include <heng/auto_model.h>

#include <iostream>

int main(int argc, char** argv) try {
  const std::string name = argc > 1 ? argv[1] : "SmolLM2-135M-Instruct";
  const auto tokenizer = heng::AutoTokenizer::from_pretrained(name);
  auto model = heng::AutoModelForCausalLM::from_pretrained(name);

  // Settings begin as the checkpoint's generation_config.json; greedy answers are the same every
  // time.
  model.generation_config.do_sample = false;
  model.generation_config.max_new_tokens = 32;

  auto [response, history] = model.chat(*tokenizer, "What is the capital of France?");
  std::cout << response << "\n";

  std::tie(response, history) = model.chat_stream(
      *tokenizer, "And what language do people speak there?", history, [](std::string_view text) {
        std::cout << text << std::flush;
        return true;  // false would end the reply
      });
  std::cout << "\n";
  return 0;
} catch (const heng::Error& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
