//! The private cluster, on real Postgres: it starts, is used again, stops, and comes back after
//! the worst. Every wait here looks for a state and has a deadline.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, Permissions};
use std::io::BufRead;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use marquee::platform::cluster::{Cluster, ClusterError, Options, Verdict, probe, report};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Folder, eventually, is_root, options, psql, running, small_disk, start};

#[tokio::test]
async fn starts_is_used_again_and_stops() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    assert_eq!(psql(&cluster, "SHOW server_encoding"), "UTF8");
    assert_eq!(psql(&cluster, "SHOW data_checksums"), "on");
    assert_eq!(psql(&cluster, "SHOW fsync"), "on");
    assert_eq!(psql(&cluster, "SHOW listen_addresses"), "");
    assert_eq!(
        psql(&cluster, "SELECT current_user || '@' || current_database()"),
        "marquee@marquee"
    );
    psql(
        &cluster,
        "CREATE EXTENSION vector; CREATE TABLE seen (film text); INSERT INTO seen VALUES ('Alien')",
    );
    assert_eq!(psql(&cluster, "SELECT '[1,2]'::vector <-> '[1,4]'"), "2");
    let mode = fs::metadata(cluster.socket()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may connect");
    let first = cluster.pid();
    cluster.stop().await;
    assert!(!running(first));

    let cluster = start(&folder).await;
    assert_ne!(cluster.pid(), first);
    assert_eq!(psql(&cluster, "SELECT film FROM seen"), "Alien");
    let second = cluster.pid();
    drop(cluster);
    assert!(!running(second), "dropping stops it as well");
}

#[tokio::test]
async fn a_killed_program_loses_nothing() {
    let folder = Folder::new();
    let (mut program, server) = helper(&folder);
    program.kill().unwrap();
    program.wait().unwrap();
    if cfg!(target_os = "linux") {
        eventually("the server ends with its program", || !running(server));
    }
    let cluster = start(&folder).await;
    assert_eq!(psql(&cluster, "SELECT film FROM seen"), "Brazil");
    cluster.stop().await;
}

/// As the system does when memory runs out, or a container is torn down. Where nobody collects
/// orphans, the dead server keeps its process number.
#[tokio::test]
async fn a_program_killed_with_its_server_loses_nothing() {
    let folder = Folder::new();
    let (mut program, server) = helper(&folder);
    program.kill().unwrap();
    kill(Pid::from_raw(server.cast_signed()), Signal::SIGKILL).unwrap();
    program.wait().unwrap();
    let cluster = start(&folder).await;
    assert_eq!(psql(&cluster, "SELECT film FROM seen"), "Brazil");
    cluster.stop().await;
}

/// Starts `helper_program` on the folder; gives back the program and the number of its server.
fn helper(folder: &Folder) -> (Child, u32) {
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_program", "--ignored", "--nocapture"])
        .env("CLUSTER_TEST_DATA_DIR", options(folder).data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(program.stdout.take().unwrap()).lines();
    let server = lines
        .find_map(|line| line.unwrap().strip_prefix("server ")?.parse().ok())
        .expect("the helper prints its server");
    assert!(running(server));
    (program, server)
}

/// Not a test: the program that two tests above kill.
#[tokio::test]
#[ignore = "started by other tests"]
async fn helper_program() {
    let Some(data_dir) = std::env::var_os("CLUSTER_TEST_DATA_DIR") else {
        return;
    };
    let cluster = Cluster::start(Options::from_environment(data_dir))
        .await
        .unwrap();
    psql(
        &cluster,
        "CREATE TABLE seen (film text); INSERT INTO seen VALUES ('Brazil')",
    );
    println!("\nserver {}", cluster.pid());
    // Ends with the test that started it, should that one fail.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_recovers() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    psql(&cluster, "CREATE TABLE seen AS SELECT 'Stalker' AS film");
    kill(Pid::from_raw(cluster.pid().cast_signed()), Signal::SIGKILL).unwrap();
    assert!(cluster.ended().await.contains("signal: 9"));
    drop(cluster);

    let cluster = start(&folder).await;
    assert_eq!(psql(&cluster, "SELECT film FROM seen"), "Stalker");
    cluster.stop().await;
}

#[tokio::test]
async fn a_server_that_outlived_its_program_is_replaced() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    let data = cluster.data();
    let postgres = cluster.binaries().program("postgres");
    cluster.stop().await;

    // As an earlier program would have left it: running, and nobody's child to wait for.
    let owner = fs::metadata(&data).unwrap();
    let mut command = Command::new(postgres);
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut orphan = command
        .current_dir(&data)
        .arg("-D")
        .arg(&data)
        .args(["-c", "listen_addresses=", "-c", "unix_socket_directories=."])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the orphan is ready", || {
        fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|text| text.contains("ready"))
    });
    let waiting = std::thread::spawn(move || orphan.wait().unwrap());

    let cluster = start(&folder).await;
    assert!(
        waiting.join().unwrap().success(),
        "it was stopped in good order"
    );
    assert_eq!(psql(&cluster, "SELECT 1"), "1");
    cluster.stop().await;
}

#[tokio::test]
async fn a_second_program_is_refused() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    let error = Cluster::start(options(&folder)).await.unwrap_err();
    assert!(matches!(error, ClusterError::InUse { .. }), "{error}");
    let sentence = error.to_string();
    assert!(
        sentence.contains(&format!("process {}", std::process::id())),
        "{sentence}"
    );
    assert_eq!(
        psql(&cluster, "SELECT 1"),
        "1",
        "the first one is left alone"
    );

    let findings = report(&options(&folder));
    let holder = findings
        .iter()
        .find(|found| found.what == "in use by")
        .unwrap();
    assert_eq!(holder.detail, format!("process {}", std::process::id()));
    cluster.stop().await;
    let findings = report(&options(&folder));
    assert!(
        findings.iter().all(|found| found.verdict != Verdict::Bad),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_done_again() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    let data = cluster.data();
    cluster.stop().await;
    // As `initdb` leaves it when it is killed.
    let unfinished = data.with_extension("new");
    fs::rename(&data, &unfinished).unwrap();
    fs::remove_file(unfinished.join("global/pg_control")).unwrap();

    let cluster = start(&folder).await;
    assert_eq!(psql(&cluster, "SELECT 1"), "1");
    assert!(!unfinished.exists());
    cluster.stop().await;
}

#[tokio::test]
async fn data_of_another_release_is_said_so() {
    let folder = Folder::new();
    let cluster = start(&folder).await;
    let version = cluster.data().join("PG_VERSION");
    cluster.stop().await;
    fs::write(version, "11\n").unwrap();
    let sentence = Cluster::start(options(&folder))
        .await
        .unwrap_err()
        .to_string();
    assert!(sentence.contains("was made by Postgres 11"), "{sentence}");
}

#[tokio::test]
async fn a_binary_without_pgvector_is_passed_over() {
    let folder = Folder::new();
    let good = probe(&options(&folder), None)
        .into_iter()
        .find_map(|looked| looked.outcome.ok())
        .expect("script/bootstrap was run");
    let bin = folder.path().join("fake/bin");
    fs::create_dir_all(&bin).unwrap();
    // Without its neighbours, and without the program that would tell where they are.
    for program in ["postgres", "initdb"] {
        let script = format!(
            "#!/bin/sh\nexec '{}' \"$@\"\n",
            good.program(program).display()
        );
        fs::write(bin.join(program), script).unwrap();
        fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
    }
    fs::create_dir_all(folder.path().join("fake/share")).unwrap();
    let with_fake = Options {
        postgres_bin: Some(bin.clone()),
        ..options(&folder)
    };
    let looked = probe(&with_fake, None);
    let reason = looked[0].outcome.as_ref().unwrap_err();
    assert!(reason.contains("without pgvector"), "{reason}");
    let cluster = Cluster::start(with_fake).await.unwrap();
    assert_ne!(cluster.binaries().bin, bin);
    cluster.stop().await;
}

#[tokio::test]
async fn a_long_path_and_odd_names_work() {
    let folder = Folder::new();
    let long = folder
        .path()
        .join("a folder, with 'odd' \"letters\" & more")
        .join("x".repeat(120));
    let options = Options::from_environment(&long);
    let cluster = Cluster::start(options).await.unwrap();
    assert!(!cluster.socket().starts_with(folder.path()));
    assert_eq!(psql(&cluster, "SELECT 1"), "1");
    let socket = cluster.socket().to_owned();
    cluster.stop().await;
    // It is outside the folder that the test removes.
    fs::remove_dir_all(socket).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_says_so() {
    let folder = Folder::new();
    if is_root() {
        let Some(disk) = small_disk(&folder, "ro,size=1m") else {
            eprintln!("skipped: this machine does not allow a mount");
            return;
        };
        let options = Options::from_environment(disk.path().join("data"));
        let sentence = Cluster::start(options).await.unwrap_err().to_string();
        assert!(sentence.contains("the disk is read-only"), "{sentence}");
    } else {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        let sentence = Cluster::start(options(&folder))
            .await
            .unwrap_err()
            .to_string();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(sentence.contains("not allowed to"), "{sentence}");
    }
}

#[tokio::test]
async fn a_full_disk_says_so() {
    let folder = Folder::new();
    let Some(disk) = small_disk(&folder, "mode=755,size=20m") else {
        eprintln!("skipped: only root on a machine that allows a mount can try this");
        return;
    };
    let options = Options::from_environment(disk.path().join("data"));
    let sentence = Cluster::start(options).await.unwrap_err().to_string();
    assert!(sentence.contains("the disk is full"), "{sentence}");
}

#[tokio::test]
async fn root_hands_postgres_to_somebody_else() {
    if !is_root() {
        eprintln!("skipped: only root can try this");
        return;
    }
    let folder = Folder::new();
    // Like a clone below /root.
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let options = Options::from_environment(closed.join("data"));
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let data = cluster.data();
    assert!(data.starts_with("/var/lib/marquee"), "{data:?}");
    assert_ne!(fs::metadata(&data).unwrap().uid(), 0);
    psql(&cluster, "CREATE TABLE seen AS SELECT 'Ran' AS film");
    cluster.stop().await;

    // The note decides from now on, even when the way is free.
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    // A second name of the same data directory's database is locked too.
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(
        closed.join("data/postgres.location"),
        copy.join("postgres.location"),
    )
    .unwrap();
    let cluster = Cluster::start(options.clone()).await.unwrap();
    assert_eq!(psql(&cluster, "SELECT film FROM seen"), "Ran");
    let error = Cluster::start(Options::from_environment(&copy))
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::InUse { .. }), "{error}");
    cluster.stop().await;
    fs::remove_dir_all(data.parent().unwrap().parent().unwrap()).unwrap();
}

#[tokio::test]
async fn a_socket_folder_of_somebody_else_is_refused() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("data/postgres")).unwrap();
    symlink("/tmp", folder.path().join("data/postgres/socket")).unwrap();
    let error = Cluster::start(options(&folder)).await.unwrap_err();
    assert!(matches!(error, ClusterError::BelongsTo { .. }), "{error}");
}
