/** English words that say nothing about what a sentence is about, in lower case. */
export const englishStopWords: readonly string[] = `
a about above after again against all almost along already also although always am among an and another any anyone
anything are aren't around as at away back be became because become been before being below between both but by
can can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else enough etc
even ever every everyone everything few first for from further get gets getting give given gives go goes going gone got
had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself his how how's
however i i'd i'll i'm i've if in instead into is isn't it it's its itself just kind last least less let let's like
likely made make makes making many may maybe me might mightn't mine more most much must mustn't my myself need needs
neither never new no nobody none nor not nothing now of off often on once one ones only onto or other others otherwise
ought our ours ourselves out over own per perhaps please put quite rather really same say says see seen set shall
shan't she she'd she'll she's should shouldn't simply since so some someone something sometimes somewhere still such
take takes than that that's the their theirs them themselves then there there's therefore these they they'd they'll
they're they've thing things this those though through thus to together too toward towards two under unless until up
upon us use used uses using usually very via want wants was wasn't way we we'd we'll we're we've well were weren't
what what's whatever when when's whenever where where's whether which whichever while who who's whoever whole whom
whose why why's will with within without won't would wouldn't yes yet you you'd you'll you're you've your yours
yourself yourselves e.g i.e
`
  .trim()
  .split(/\s+/);
