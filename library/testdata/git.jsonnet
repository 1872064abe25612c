// Checkouts of a repository that it makes: where its HEAD is, a branch, a tag with a text, and a commit.
local git = import '../writ/git.libsonnet';

{
  run: [
    {
      id: 'repository',
      check: 'test -e /srv/repository/done',
      change: |||
        set -e
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
        export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
        git init --quiet --initial-branch=main /srv/repository
        cd /srv/repository
        echo 1 >file
        git add file
        git commit --quiet --message one
        git tag --annotate --message 'with a text' v1
        echo 2 >file
        git commit --quiet --all --message two
        git branch stable
        echo 3 >file
        git commit --quiet --all --message three
        touch done
      |||,
      remove: 'rm -r /srv/repository',
    },
    git('/srv/head', '/srv/repository'),
    git('/srv/branch', '/srv/repository', branch='stable'),
    git('/srv/tag', '/srv/repository', tag='v1', force=true),
    git("/srv/it's $(touch broken) a commit", '/srv/repository', commit='6de268f4527ede56a67c68e577766c78f2f55d87'),
  ],
}
