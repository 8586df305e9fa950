/// One MUST or SHOULD that concerns a proxy, and what shows that it holds.
struct Requirement {
    enum Evidence {
        /// The tests that show it, by function or display name.
        case tests([String])
        /// It concerns somebody else, or a choice that we don't make.
        case notOurs(String)
        /// We don't do that (yet), for that reason.
        case open(String)
    }

    let section: String
    /// What is wanted, in short.
    let text: String
    let evidence: Evidence

    init(_ section: String, _ text: String, _ tests: String...) {
        (self.section, self.text, evidence) = (section, text, .tests(tests))
    }

    init(_ section: String, _ text: String, notOurs reason: String) {
        (self.section, self.text, evidence) = (section, text, .notOurs(reason))
    }

    init(_ section: String, _ text: String, open reason: String) {
        (self.section, self.text, evidence) = (section, text, .open(reason))
    }
}

/// The requirements by document.
enum Requirements {
    static let all: [(rfc: Int, requirements: [Requirement])] = [
        (3261, proxy + responses + transactions + transport), (3263, locating), (3581, rport), (3327, path),
        (5393, amplification), (5626, outbound), (6026, corrections),
        (7339, overload),
    ]
}
