//! The catalogue in a real PostgreSQL: what SQLite says of the same cards, it says too.
#![allow(clippy::unwrap_used)]

use aquifer_record::catalog::{Card, Catalog, Entry, Source};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server with an empty cluster; ends when dropped.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server { folder, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(server.folder.path()));
        }
        run(server.as_user("initdb").args(["-A", "trust", "-U", "team", "-D"]).arg(server.data()));
        let sockets = server.folder.path().display().to_string();
        let options = format!("-p {port} -k {sockets} -c listen_addresses=127.0.0.1");
        let log = server.folder.path().join("log");
        run(server
            .as_user("pg_ctl")
            .args(["-w", "-o", &options, "-l"])
            .arg(log)
            .arg("-D")
            .arg(server.data())
            .arg("start"));
        server
    }

    fn address(&self) -> String {
        format!("postgres://team@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of the server's programs; they refuse to be run by root.
    fn as_user(&self, program: &str) -> Command {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: cargo xtask world");
        let newest = versions.map(|version| version.unwrap().path()).max().unwrap();
        let program = newest.join("bin").join(program);
        let mut command = match is_root() {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(program);
        }
        command.current_dir("/");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.as_user("pg_ctl").args(["-m", "immediate", "-D"]).arg(self.data()).arg("stop").output();
    }
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output().unwrap();
    said.stdout.trim_ascii() == b"0"
}

fn run(command: &mut Command) {
    let status = command.stdout(std::process::Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

fn add(root: &Path, name: &str, licence: &str, language: &str, from: &[&str]) {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("part.jsonl"), name).unwrap();
    let sources = from.iter().map(|name| Source { name: (*name).to_owned(), ..Source::default() }).collect();
    let about = "Größe 50 %, a_b\\ and \u{0} more".to_owned();
    let languages = vec![language.into(), language.into(), "en".into()];
    let card = Card { name: name.into(), about, licence: licence.into(), languages, sources, ..Card::default() };
    card.with_files(&folder).unwrap().save(&folder).unwrap();
}

/// Everything that can be asked.
fn answers(catalog: &Catalog) -> Vec<Vec<Entry>> {
    let search = |words: &str, language, licence| catalog.search(words, language, licence).unwrap();
    vec![
        catalog.all().unwrap(),
        search("", Some("zh"), None),
        search("", Some("zh-Hant"), None),
        search("", Some("z"), None),
        search("", Some("ZH"), None),
        search("CLEAN größe", None, Some("CC-BY-4.0")),
        search("clean", None, Some("cc-by")),
        search("50 % a_b\\", Some("en"), None),
        search("o'; DROP TABLE cards; --", None, None),
        catalog.named("crawl").unwrap(),
        catalog.named("Crawl").unwrap(),
        catalog.made_from("crawl").unwrap(),
        catalog.made_from("https://example.org").unwrap(),
    ]
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask world"]
fn a_server_says_what_the_file_says() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let same = || {
        let (file, team) = (Catalog::open(root).unwrap(), Catalog::open_in(root, &server.address()).unwrap());
        let (file, team) = (answers(&file), answers(&team));
        assert_eq!(file, team);
        file
    };
    assert!(same().iter().all(Vec::is_empty));
    for (name, language) in
        [("crawl", "zh-Hant"), ("Books", "en"), ("deep/clean", "zh"), ("_notes", "de"), ("ärzte", "de")]
    {
        add(
            root,
            name,
            "CC-BY-4.0",
            language,
            if name == "deep/clean" { &["crawl"] } else { &["https://example.org"] },
        );
    }
    let full = same();
    assert_eq!((full[0].len(), full[1].len(), full[3].len(), full[5].len(), full[11].len()), (5, 2, 0, 1, 1));
    add(root, "Books", "CC0-1.0", "fr", &["crawl"]);
    std::fs::remove_dir_all(root.join("_notes")).unwrap();
    std::fs::create_dir(root.join("odd")).unwrap();
    std::fs::write(root.join("odd/card.toml"), "name = 3").unwrap();
    let later = same();
    assert_eq!((later[0].len(), later[11].len()), (4, 2));
    // Many at once, each of whom takes in what the cards say, one of them anew.
    add(root, "late", "MIT", "en", &[]);
    std::thread::scope(|scope| {
        let open = || Catalog::open_in(root, &server.address()).unwrap().all().unwrap().len();
        let opened: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
        assert!(opened.into_iter().all(|opened| opened.join().unwrap() == 5));
    });
    same();
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask world"]
fn what_does_not_answer_is_said_without_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start();
    for address in [
        format!("postgres://team:hunter2@127.0.0.1:{}/nowhere", server.port),
        "postgres://team:hunter2@127.0.0.1:1/postgres".to_owned(),
        "hunter2".to_owned(),
    ] {
        let error = Catalog::open_in(dir.path(), &address).err().unwrap().to_string();
        assert!(error.contains("the database cannot be used") && !error.contains("hunter2"), "{error}");
    }
}
