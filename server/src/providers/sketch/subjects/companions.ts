// Owns which animals sit and look at you, and their coats; sitting.ts draws them.
import type { Subject } from '../subject.ts'
import { type Coat, drawSitting } from './sitting.ts'

type Animal = {
  name: string
  words: string
  scale: number
  colours: readonly string[]
  home?: Subject['home']
}

function sitting(animal: Animal, coat: Coat): Subject {
  const { home, ...rest } = animal
  return {
    ...rest,
    ...(home ? { home } : {}),
    habitat: 'ground',
    width: coat.tail === 'bushy' || coat.tail === 'plume' ? 96 : 84,
    head: [0, -72, coat.headWidth],
    draw: (pen, look) => drawSitting(pen, coat, look),
  }
}

/** Cats, dogs and the beasts of forest and field that pose for a portrait. */
export const sittingAnimals: readonly Subject[] = [
  sitting(
    {
      name: 'cat',
      words: 'cat,kitten,kitty,tabby,feline,tomcat,pussycat',
      scale: 0.42,
      colours: ['#e0944b', '#8e8b93', '#d9b48a', '#4a4650', '#c7854a'],
    },
    {
      ears: 'pointed',
      tail: 'curl',
      headWidth: 24,
      marks: 'stripes',
      nose: '#d9757f',
      iris: '#b8d04a',
      whiskers: true,
    },
  ),
  sitting(
    {
      name: 'dog',
      words: 'dog,puppy,hound,corgi,labrador,retriever,terrier,beagle,poodle,doggy,pup,dachshund,spaniel',
      scale: 0.55,
      colours: ['#c98d4f', '#a4693a', '#dcb27b', '#7d5a41'],
    },
    { ears: 'floppy', tail: 'up', headWidth: 22, marks: 'blaze' },
  ),
  sitting(
    { name: 'fox', words: 'fox,vixen', scale: 0.48, colours: ['#e2722e', '#d9632a'], home: 'forest' },
    { ears: 'large', tail: 'bushy', headWidth: 24, marks: 'cheeks', belly: '#fff3e0' },
  ),
  sitting(
    {
      name: 'wolf',
      words: 'wolf,husky,coyote',
      scale: 0.65,
      colours: ['#7c8794', '#67707d'],
      home: 'forest',
    },
    { ears: 'large', tail: 'bushy', headWidth: 23, marks: 'cheeks', belly: '#eef0f2', iris: '#e8c14a' },
  ),
  sitting(
    { name: 'bear', words: 'bear,grizzly,cub', scale: 1, colours: ['#8a5a3a', '#74492e'], home: 'forest' },
    { ears: 'round', tail: 'none', headWidth: 25 },
  ),
  sitting(
    { name: 'polar bear', words: 'polar bear', scale: 1, colours: ['#f4f2ea'], home: 'snow' },
    { ears: 'round', tail: 'none', headWidth: 25, belly: '#e4e8ec' },
  ),
  sitting(
    { name: 'panda', words: 'panda,giant panda', scale: 0.9, colours: ['#f6f3ec'], home: 'forest' },
    { ears: 'round', tail: 'none', headWidth: 26, marks: 'patches', belly: '#ffffff' },
  ),
  sitting(
    { name: 'red panda', words: 'red panda', scale: 0.45, colours: ['#c0542b'], home: 'forest' },
    {
      ears: 'pointed',
      tail: 'ringed',
      headWidth: 25,
      marks: 'rosy',
      belly: '#4a2a22',
      ear: '#fff3e4',
      muzzle: '#fff3e4',
    },
  ),
  sitting(
    { name: 'koala', words: 'koala', scale: 0.45, colours: ['#9aa0aa'], home: 'forest' },
    { ears: 'wide', tail: 'none', headWidth: 24, bigNose: true, belly: '#e6e6ea', ear: '#f0e6e6' },
  ),
  sitting(
    {
      name: 'rabbit',
      words: 'rabbit,bunny,hare',
      scale: 0.34,
      colours: ['#e9ddcb', '#b79a7d', '#c9c3c0'],
      home: 'meadow',
    },
    { ears: 'long', tail: 'puff', headWidth: 21, nose: '#e38d95', whiskers: true },
  ),
  sitting(
    { name: 'mouse', words: 'mouse,rat,gerbil', scale: 0.2, colours: ['#a8a3a8', '#c9ad8c'] },
    { ears: 'wide', tail: 'thin', headWidth: 21, nose: '#e38d95', whiskers: true },
  ),
  sitting(
    { name: 'hamster', words: 'hamster,guinea pig', scale: 0.2, colours: ['#e0a45c', '#d9b98f'] },
    {
      ears: 'round',
      tail: 'none',
      headWidth: 26,
      marks: 'cheeks',
      nose: '#e38d95',
      belly: '#fff3e4',
      whiskers: true,
    },
  ),
  sitting(
    {
      name: 'squirrel',
      words: 'squirrel,chipmunk',
      scale: 0.25,
      colours: ['#b8652f', '#a8643c'],
      home: 'forest',
    },
    { ears: 'tuft', tail: 'plume', headWidth: 20, belly: '#fbe7cd', whiskers: true },
  ),
  sitting(
    { name: 'raccoon', words: 'raccoon,badger', scale: 0.4, colours: ['#8d8f98'], home: 'forest' },
    { ears: 'round', tail: 'ringed', headWidth: 24, marks: 'mask' },
  ),
  sitting(
    { name: 'lion', words: 'lion', scale: 1, colours: ['#dba44e', '#d99a45'], home: 'field' },
    { ears: 'round', tail: 'tassel', headWidth: 23, marks: 'mane', muzzle: '#fbeccb' },
  ),
  sitting(
    { name: 'tiger', words: 'tiger,tigress', scale: 1, colours: ['#e88a2e'], home: 'forest' },
    {
      ears: 'round',
      tail: 'curl',
      headWidth: 25,
      marks: 'stripes',
      muzzle: '#fff6e8',
      belly: '#fff3e0',
      iris: '#e0c040',
    },
  ),
  sitting(
    {
      name: 'leopard',
      words: 'leopard,cheetah,jaguar,lynx,panther,puma',
      scale: 0.85,
      colours: ['#e0ae5a'],
      home: 'field',
    },
    {
      ears: 'round',
      tail: 'curl',
      headWidth: 23,
      marks: 'spots',
      iris: '#cfc24a',
      belly: '#fbeccb',
      whiskers: true,
    },
  ),
  sitting(
    {
      name: 'monkey',
      words: 'monkey,ape,chimpanzee,gorilla,orangutan',
      scale: 0.6,
      colours: ['#85563a', '#6b4a39'],
      home: 'forest',
    },
    { ears: 'side', tail: 'curl', headWidth: 21, marks: 'face', muzzle: '#f0c8a0', ear: '#eebc94' },
  ),
  sitting(
    { name: 'pig', words: 'pig,piglet,hog,boar', scale: 0.5, colours: ['#f3a9b4'], home: 'field' },
    { ears: 'folded', tail: 'curly', headWidth: 24, snub: true, belly: '#fbd3d3' },
  ),
  sitting(
    { name: 'fawn', words: 'fawn,bambi', scale: 0.7, colours: ['#b9794a'], home: 'forest' },
    { ears: 'wide', tail: 'puff', headWidth: 20, marks: 'spots' },
  ),
]
