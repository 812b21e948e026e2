// Owns the two dozen prompts that show what the illustrator can do: the contact sheet draws them, and a test holds
// that they look clearly different from each other.

export const showcasePrompts: readonly string[] = [
  'a red lighthouse by the sea at sunset',
  'a cat astronaut floating in space, watercolor',
  'three foxes in a snowy forest at night under the northern lights',
  'a cup of coffee on a wooden table by the window, morning light',
  'cyberpunk city street at night in the rain, neon signs',
  'a hot air balloon over lavender fields at dawn',
  'a blue whale under water with jellyfish',
  'a cosy cottage in the mountains, autumn',
  'portrait of a robot with green eyes, comic book',
  'a sailboat on a calm lake, oil painting',
  'pixel art dragon guarding a castle',
  'a white rabbit wearing a red hat in a meadow full of flowers',
  'a rocket launching from the moon, retro poster',
  'bicycle leaning against a tree, line drawing',
  'a yellow submarine, paper cut',
  'an old wizard reading a book in a library',
  'two penguins on an iceberg under a full moon',
  'a bowl of fruit still life with a bottle of wine',
  'a black horse running on the beach at sunset',
  'green perfume bottle, studio product photo',
  'an owl on a branch in a misty forest, full moon',
  'a train crossing a bridge, blueprint',
  'a neon flamingo',
  'freedom and the quiet hum of mathematics',
]
