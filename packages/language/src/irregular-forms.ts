/** English verbs, each with those of its forms and nouns that no rule of spelling leads back to it. */
const forms = `
absorb absorption
assume assumption assumptions
begin began begun
bind bound
break broke broken
bring brought
build built
buy bought
catch caught
choose chose chosen choice choices
conclude conclusion conclusions
consume consumption
convert conversion conversions
deal dealt
decide decision decisions
describe description descriptions
die dies died dying death deaths
draw drew drawn
drive drove driven
exclude exclusion exclusions
expand expansion expansions
extend extension extensions
fail failure failures
fall fell fallen
feed fed
feel felt
fight fought
fly flew flown
forget forgot forgotten
freeze froze frozen
grow grew grown growth
hang hung
hear heard
hide hid hidden
hold held
include inclusion inclusions
keep kept
know knew known
lead led
leave left
lend lent
lose lost loss losses
mean meant
meet met
override overrode overridden
overwrite overwrote overwritten
pay paid
permit permission permissions
resolve resolution resolutions
respond response responses
retain retention
rewrite rewrote rewritten
ride rode ridden
rise rose risen
run ran
sell sold
send sent
shake shook shaken
shrink shrank shrunk
sleep slept
solve solution solutions
speak spoke spoken
spend spent
stand stood
steal stole stolen
stick stuck
strike struck
submit submission submissions
subscribe subscription subscriptions
swear swore sworn
teach taught
tear tore torn
tell told
think thought
throw threw thrown
transmit transmission transmissions
undergo underwent undergone
understand understood
wake woke woken
wear wore worn
win won
write wrote written
`;

/** From another form to the base form, in lower case. */
export const baseOfIrregular: ReadonlyMap<string, string> = new Map(
  forms
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [base = '', ...others] = line.split(' ');
      return others.map((other) => [other, base] as const);
    }),
);
