// Owns the words a prompt may use for everything but subjects: places, light, weather, seasons, styles, traits.
// Words are singular; the reader of prompts tries singular forms itself. A phrase beats its single words.
import type { SettingName } from './subject.ts'

export type Time = 'dawn' | 'day' | 'sunset' | 'dusk' | 'night'
export type Weather = 'clear' | 'cloudy' | 'rain' | 'storm' | 'snow' | 'fog' | 'wind'
export type Season = 'spring' | 'summer' | 'autumn' | 'winter'

export const styleNames = [
  'soft',
  'flat',
  'watercolour',
  'oil',
  'pixel',
  'line',
  'comic',
  'noir',
  'neon',
  'blueprint',
  'chalk',
  'cut',
  'poster',
  'woodblock',
  'mosaic',
  'sepia',
] as const
export type StyleName = (typeof styleNames)[number]

/** Things in the sky or the air that the prompt can ask for. */
export type Feature =
  | 'moon'
  | 'sun'
  | 'stars'
  | 'rainbow'
  | 'aurora'
  | 'lightning'
  | 'fireworks'
  | 'fireflies'
  | 'comet'
  | 'clouds'
  | 'petals'
  | 'leaves'
  | 'bubbles'
  | 'neonlights'
  | 'lanterns'
  | 'glow'
  | 'waves'
  | 'flowers'
  | 'reflection'
  | 'birds'

export type Mood = 'pastel' | 'vivid' | 'dark' | 'warm' | 'cold' | 'faded' | 'dreamy'

/** Where the viewer stands. */
export type Framing = 'portrait' | 'wide' | 'emblem' | 'minimal'

type Words<T extends string> = Readonly<Partial<Record<T, string>>>

export const settingWords: Words<SettingName> = {
  meadow:
    'meadow,grassland,pasture,grass,hill,hillside,countryside,prairie,valley,flower field,picnic,spring landscape,landscape,park,rolling hill,knoll',
  forest:
    'forest,wood,woodland,jungle,rainforest,grove,glade,enchanted forest,bamboo forest,tree line,birch forest,woods',
  mountains:
    'mountain,mountain range,alp,peak,summit,cliff,canyon,highland,fjord,mountain landscape,ridge,himalaya,alpine',
  sea: 'sea,ocean,wave,stormy sea,open sea,coast,harbour,harbor,bay,port,seascape,high sea,rocky coast,cove,seaside',
  beach: 'beach,shore,sandy beach,tropical island,seashore,coastline,island,lagoon,tropical beach',
  lake: 'lake,pond,river,stream,lakeside,riverside,swamp,lotus pond,mountain lake,canal,riverbank',
  city: 'city,skyline,town,metropolis,rooftop,downtown,cityscape,futuristic city,city skyline,new york,tokyo,urban,megacity,cyberpunk city,manhattan',
  street:
    'street,alley,market,village,road,cobblestone street,city street,paris,lane,square,cafe terrace,boulevard,old town,sidewalk,bazaar,rainy street,venice',
  desert: 'desert,dune,sahara,oasis,wasteland,savanna,savannah,sand dune,wild west,mesa,arizona',
  snow: 'snow field,arctic,antarctica,tundra,north pole,south pole,ice,glacier,snowy field,snowy landscape,winter landscape,winter wonderland,iceberg,snowy mountain,ski slope,snowy hill',
  space:
    'space,outer space,galaxy,nebula,universe,cosmos,orbit,deep space,solar system,milky way,interstellar,cosmic',
  planet:
    'mars,lunar surface,alien planet,alien world,on the moon,from the moon,moon surface,alien landscape,distant planet,strange planet,surface of the moon,surface of mars,red planet',
  underwater:
    'underwater,coral reef,reef,under the sea,under water,ocean floor,sea floor,deep sea,seabed,beneath the wave,bottom of the sea,aquarium,under the ocean',
  room: 'room,living room,bedroom,interior,indoor,indoors,house interior,kitchen,office,by the fireplace,fireplace,cosy room,cozy room,by the window,windowsill,attic,studio apartment',
  library: 'library,bookshop,bookstore,study,reading room,bookshelf,bookcase',
  table:
    'table,wooden table,kitchen table,still life,desk,counter,tabletop,table top,cafe,breakfast,dinner,tablecloth,picnic table,restaurant,coffee shop,bakery',
  studio:
    'studio,plain background,white background,product photo,product shot,backdrop,solid background,studio background,simple background,advertisement,catalogue photo,studio light,packshot,gradient background,pedestal,isolated',
  clouds:
    'sky,cloud,above the cloud,in the sky,sea of cloud,floating island,heaven,cloudscape,in the cloud,through the cloud',
  garden:
    'garden,flower garden,backyard,orchard,greenhouse,flower bed,zen garden,japanese garden,botanical garden,rose garden,vineyard',
  field:
    'field,farm,wheat field,farmland,plain,crop field,corn field,cornfield,lavender field,sunflower field,poppy field,ranch,barnyard,tulip field,countryside road,rice field,field of lavender,field of sunflower,field of poppy,field of tulip,field of wheat,barley field,hay field',
}

export const timeWords: Words<Time> = {
  dawn: 'dawn,sunrise,morning,early morning,daybreak,first light,misty morning',
  day: 'day,daytime,noon,midday,sunny,daylight,afternoon,bright day,sunny day,blue sky,sunshine,sunlight,bright sun,sunlit,under the sun',
  sunset:
    'sunset,golden hour,evening sun,setting sun,golden light,sundown,evening light,late afternoon,warm evening light',
  dusk: 'dusk,twilight,evening,blue hour,nightfall,gloaming',
  night:
    'night,midnight,nighttime,moonlight,moonlit,starry,starlight,nocturnal,night sky,at night,starry night,dark sky,night time,full moon,starry sky,moonlit night,in the dark',
}

export const weatherWords: Words<Weather> = {
  clear: 'clear sky,cloudless',
  cloudy: 'cloudy,overcast,grey sky,gray sky,gloomy',
  rain: 'rain,rainy,raining,drizzle,wet,downpour,raindrop,rainy day,rainy night,in the rain,puddle,shower,rainy street',
  storm: 'stormy sea,storm,stormy,thunderstorm,thunder,tempest,hurricane,typhoon,tornado',
  snow: 'snow,snowy,snowing,snowfall,blizzard,snowflake,in the snow,falling snow,snowstorm,snowy field,snowy landscape,snowy mountain,snowy hill',
  fog: 'misty morning,fog,foggy,mist,misty,haze,hazy,smoky',
  wind: 'wind,windy,breeze,breezy,gale',
}

export const seasonWords: Words<Season> = {
  spring: 'spring landscape,spring,springtime,blossom,cherry blossom,sakura,easter,april',
  summer: 'summer,summertime,july,august,tropical',
  autumn: 'autumn,autumnal,fall color,fall colour,fall leaf,autumn leaf,october,november,halloween,harvest',
  winter:
    'winter,wintry,wintertime,frost,frosty,frozen,icy,christmas,december,january,xmas,winter landscape,winter wonderland,snowy landscape,snowy field,snowy mountain',
}

export const featureWords: Words<Feature> = {
  moon: 'moon,full moon,crescent moon,crescent,moonlight,moonlit,under the moon,moonlit night',
  sun: 'sun,rising sun,setting sun',
  stars: 'star,starry,starlight,starry night,starry sky,constellation',
  rainbow: 'rainbow',
  aurora: 'aurora,northern light,aurora borealis',
  lightning: 'lightning,thunderbolt,thunderstorm,lightning bolt,thunder',
  fireworks: 'firework,new year',
  fireflies:
    'firefly,fairy light,magical light,sparkle,glowing particle,magical,magic,enchanted,enchanted forest,fairy tale,fairytale,mystical',
  comet: 'comet,shooting star,meteor,falling star,meteor shower',
  clouds: 'cloud,cloudy,fluffy cloud',
  petals: 'petal,falling petal,cherry blossom,sakura,blossom',
  leaves: 'falling leaf,autumn leaf,fall leaf',
  bubbles: 'bubble,soap bubble',
  neonlights:
    'neon light,neon sign,cyberpunk,cyberpunk city,neon city,holographic,hologram,blade runner,glowing sign',
  lanterns: 'paper lantern,sky lantern,floating lantern,string light',
  glow: 'glowing,luminous,radiant,bioluminescent,god ray,light ray,sunbeam,volumetric light,ray of light',
  waves: 'wave,big wave,crashing wave,rough sea,stormy sea',
  flowers: 'wildflower,flower field,flowery,flowering,blooming',
  reflection: 'reflection,reflecting,mirrored',
  birds: 'flock of bird,seagull,gull',
}

export const styleWords: Words<StyleName> = {
  soft: 'illustration,storybook,childrens book,picture book,digital art,digital painting,3d render,photorealistic,realistic,photo,photograph,cinematic,concept art,painting,gouache,pixar,ghibli,disney,render,airbrush',
  flat: 'flat,flat design,vector,minimal,minimalist,minimalistic,minimalism,flat illustration,vector art,vector illustration,bauhaus,geometric,clip art,clipart,logo,icon,app icon,emblem,simple shape',
  watercolour:
    'watercolor,watercolour,aquarelle,watercolor painting,watercolour painting,wash,ink wash,wet on wet',
  oil: 'oil,oil painting,oil paint,impressionist,impressionism,impasto,van gogh,monet,acrylic,brush stroke,brushstroke,painterly,expressionist,baroque,renaissance,canvas,oil on canvas,rembrandt,acrylic painting',
  pixel: 'pixel,pixel art,8 bit,8bit,16 bit,16bit,retro game,pixelated,voxel,minecraft,game sprite,sprite',
  line: 'line art,line drawing,ink drawing,pencil,pencil drawing,pencil sketch,sketch,pen and ink,outline,etching,engraving,doodle,coloring page,colouring page,coloring book,line,drawing,ink,ink sketch,black ink,single line,hand drawn',
  comic:
    'comic,comic book,cartoon,manga,anime,graphic novel,pop art,cel shaded,cel shading,caricature,halftone,lichtenstein,sticker,comic strip,anime style',
  noir: 'noir,film noir,black and white,monochrome,grayscale,greyscale,black and white photo,b w',
  neon: 'neon,synthwave,vaporwave,outrun,tron,neon outline,neon style,retrowave,neon art,neon line',
  blueprint:
    'blueprint,technical drawing,schematic,technical diagram,patent drawing,architectural drawing,blue print',
  chalk:
    'chalk,chalkboard,blackboard,crayon,pastel drawing,chalk drawing,wax crayon,kid drawing,childs drawing',
  cut: 'paper cut,papercut,paper art,paper craft,papercraft,collage,layered paper,origami,diorama,cut paper,paper cutout,kirigami,felt,cut out',
  poster:
    'poster,travel poster,screen print,screenprint,art deco,retro,vintage,vintage poster,silkscreen,risograph,propaganda,retro poster,vintage travel poster,retro travel poster,linocut,risograph print,mid century',
  woodblock:
    'ukiyo e,ukiyoe,woodblock,woodblock print,woodcut,hokusai,hiroshige,japanese print,japanese woodblock,japanese art,japanese woodblock print',
  mosaic: 'mosaic,stained glass,tile,low poly,lowpoly,polygonal,facet,voronoi,cubist,cubism,crystalline',
  sepia: 'sepia,old photo,antique,daguerreotype,faded photo,old photograph',
}

export const moodWords: Words<Mood> = {
  pastel: 'pastel,soft color,soft colour,pastel color,pastel colour,delicate,kawaii',
  vivid:
    'vivid,vibrant,colorful,colourful,bold,bright color,bright colour,saturated,psychedelic,rainbow color,joyful,festive',
  dark: 'dark,moody,ominous,dramatic,spooky,gothic,sinister,horror,haunted,creepy,mysterious',
  warm: 'warm,cosy,cozy,warm light,candlelight,candlelit,inviting,lamplight',
  cold: 'cold,chilly,cool tone',
  faded: 'faded,muted,nostalgic,desaturated',
  dreamy: 'dreamy,ethereal,whimsical,surreal,dreamlike,fantasy,serene,peaceful,calm,tranquil',
}

export const framingWords: Words<Framing> = {
  portrait: 'portrait,close up,closeup,headshot,bust,face,macro,headshot photo,extreme close up',
  wide: 'wide shot,panorama,panoramic,vast,distant,from afar,epic,tiny figure,wide angle,in the distance,far away,lonely',
  emblem: 'logo,icon,emblem,badge,sticker,app icon,mascot,coat of arm,symbol',
  minimal: 'minimal,minimalist,minimalistic,minimalism,simple,negative space',
}
